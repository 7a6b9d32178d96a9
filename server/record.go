package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/server/journal/redis"
)

// record is what the server needs of an engine. One in another process is a journal.Remote as well.
type record interface {
	journal.Log
	journal.Notes
	journal.Shelf
	Stats() journal.Stats
}

// recordFlags say where the record is, when it is not a file of its own.
type recordFlags struct {
	Redis        string        `placeholder:"URL" group:"Many instances" help:"Keep the record in Redis, where any number of instances share it: redis://host:6379/0, rediss:// with TLS (?ca=FILE for an authority of your own), with ?master_name=NAME&addr=HOST:PORT for Sentinels, with ?cluster=true for a Cluster. Where it holds a password, rather use the environment variable. Default: a file in --data."`
	RedisName    string        `default:"${redisname}" placeholder:"NAME" group:"Many instances" help:"Which record, where one Redis keeps several. Default: ${default}."`
	RedisWait    int           `default:"0" placeholder:"N" group:"Many instances" help:"How many replicas must have an event before it is acknowledged, at most 10. Default: ${default}."`
	RedisTimeout time.Duration `default:"${redistimeout}" group:"Many instances" help:"How long publishing and reading wait for a Redis that does not answer before they fail. Default: ${default}."`
}

// Validate is called by kong. It says nothing of the URL's value.
func (f *recordFlags) Validate() error {
	if f.Redis != "" {
		if err := redis.CheckURL(f.Redis); err != nil {
			return fmt.Errorf("--redis: %w", err)
		}
	}
	if err := redis.CheckName(f.RedisName); err != nil {
		return fmt.Errorf("--redis-name: %w", err)
	}
	if f.RedisWait < 0 || f.RedisWait > 10 {
		return errors.New("--redis-wait: from 0 to 10")
	}
	if f.RedisTimeout < 100*time.Millisecond || f.RedisTimeout > time.Minute {
		return errors.New("--redis-timeout: from 100ms to 1m")
	}
	return nil
}

// openRecord opens the record that the flags name.
func (c *serveCmd) openRecord(ctx context.Context, logger *slog.Logger) (record, error) {
	f := c.Record
	if f.Redis == "" {
		return bolt.Open(c.Data, bolt.Options{Retention: c.retention(), Logger: logger})
	}
	log, err := redis.Open(ctx, redis.Options{
		URL: f.Redis, Name: f.RedisName, Timeout: f.RedisTimeout, Replicas: f.RedisWait, Retention: c.retention(), Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	logger.Info("record shared", "in", log.Where(), "name", f.RedisName)
	return log, nil
}
