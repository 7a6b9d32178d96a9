package web

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certLook is how often at most a handshake looks whether the files of a certificate have changed.
const certLook = time.Second

// Certificate is a certificate and its key in two PEM files. Files that change are read again by the next handshake, so a certificate that is
// renewed is in use a moment later and no connection ends for it. A new pair that is no good, or half written, is logged once, and the
// one before it stays in use. Its methods may be called at once from any number of goroutines.
type Certificate struct {
	certFile, keyFile string
	logger            *slog.Logger

	mu     sync.Mutex // guards what follows
	pair   *tls.Certificate
	of     [2]stamp // the files that pair was read from, or that were no good
	looked time.Time
}

// stamp tells one state of a file from another.
type stamp struct {
	time time.Time
	size int64
}

// LoadCertificate reads the pair, or says what is wrong with it.
func LoadCertificate(certFile, keyFile string, logger *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, logger: logger}
	of, err := c.stamps()
	if err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	if c.pair, err = c.load(); err != nil {
		return nil, err
	}
	c.of, c.looked = of, time.Now()
	return c, nil
}

func (c *Certificate) load() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("TLS: %s and %s: %w", c.certFile, c.keyFile, err)
	}
	return &pair, nil
}

func (c *Certificate) stamps() (of [2]stamp, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return of, err
		}
		of[i] = stamp{info.ModTime(), info.Size()}
	}
	return of, nil
}

// get is tls.Config.GetCertificate.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.looked) < certLook {
		return c.pair, nil
	}
	c.looked = now
	of, err := c.stamps()
	if err != nil || of == c.of { // gone for the moment: it is being replaced
		return c.pair, nil
	}
	c.of = of
	pair, err := c.load()
	if err != nil {
		c.logger.Error("the new certificate is no good, the one before stays in use", "error", err)
		return c.pair, nil
	}
	c.pair = pair
	c.logger.Info("certificate read again", "file", c.certFile)
	return c.pair, nil
}

// Config returns how to speak TLS with it: 1.2 at least, and HTTP/2 where the client speaks it.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}
}
