package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// ErrURL reports what is wrong with the URL of a Redis. It never holds any of the URL, for there may be a password anywhere in it.
var ErrURL = errors.New("not the URL of a Redis, such as redis://user:password@host:6379/0")

// parseURL reads where a Redis is:
//
//	redis://[user:password@]host[:6379][/db]       one server; rediss:// with TLS, checked against the system's authorities
//	…?master_name=NAME&addr=host:port&addr=…       Sentinels, whose addresses the host and addr are; redis-sentinel:// says the same
//	                                               (sentinel_username=, sentinel_password= where they want their own)
//	…?cluster=true&addr=host:port&addr=…           a Cluster, of which these are some nodes
func parseURL(s string) (*goredis.UniversalOptions, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, ErrURL
	}
	o := &goredis.UniversalOptions{}
	scheme, sentinel := strings.CutSuffix(u.Scheme, "-sentinel")
	switch scheme {
	case "redis":
	case "rediss":
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	default:
		return nil, fmt.Errorf("%w: it begins with redis:// or rediss://", ErrURL)
	}
	if u.Opaque != "" || u.Hostname() == "" {
		return nil, fmt.Errorf("%w: it names no host", ErrURL)
	}
	port := "6379"
	if sentinel {
		port = "26379"
	}
	address := func(hostport string) error {
		host, p, err := net.SplitHostPort(hostport)
		if err != nil {
			host, p = strings.Trim(hostport, "[]"), port
		}
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 || host == "" {
			return fmt.Errorf("%w: an address is not host:port", ErrURL)
		}
		o.Addrs = append(o.Addrs, net.JoinHostPort(host, p))
		return nil
	}
	if err := address(u.Host); err != nil {
		return nil, err
	}
	o.Username = u.User.Username()
	o.Password, _ = u.User.Password()
	if db := strings.Trim(u.Path, "/"); db != "" {
		if o.DB, err = strconv.Atoi(db); err != nil || o.DB < 0 {
			return nil, fmt.Errorf("%w: what follows the host is the number of a database", ErrURL)
		}
	}
	for name, values := range u.Query() {
		switch name {
		case "addr":
			for _, v := range values {
				if err := address(v); err != nil {
					return nil, err
				}
			}
		case "master_name":
			o.MasterName = values[0]
		case "sentinel_username":
			o.SentinelUsername = values[0]
		case "sentinel_password":
			o.SentinelPassword = values[0]
		case "cluster":
			if o.IsClusterMode, err = strconv.ParseBool(values[0]); err != nil {
				return nil, fmt.Errorf("%w: cluster is true or false", ErrURL)
			}
		default:
			return nil, fmt.Errorf("%w: of parameters it has addr, master_name, sentinel_username, sentinel_password and cluster", ErrURL)
		}
	}
	slices.Sort(o.Addrs[1:])
	switch {
	case sentinel && o.MasterName == "":
		return nil, fmt.Errorf("%w: Sentinels need master_name", ErrURL)
	case o.IsClusterMode && (o.MasterName != "" || o.DB != 0):
		return nil, fmt.Errorf("%w: a Cluster has neither master_name nor databases", ErrURL)
	case len(o.Addrs) > 1 && o.MasterName == "" && !o.IsClusterMode:
		return nil, fmt.Errorf("%w: several addresses are those of Sentinels (master_name) or of a Cluster (cluster=true)", ErrURL)
	}
	return o, nil
}

// quiet silences what go-redis says of its own on standard error, for the whole process: each failed dial of each pool. What matters
// of it comes back as errors, and is said once by who decides what they mean.
var quiet = sync.OnceFunc(func() { goredis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// connect returns a client that sends each command once, to one server at a time: whether to send it again is for those to
// decide who know what it does.
func connect(o *goredis.UniversalOptions, timeout time.Duration) goredis.UniversalClient {
	quiet()
	o.Protocol = 2
	o.MaxRetries = -1
	o.DialerRetries = 1
	o.DialTimeout = min(timeout, 5*time.Second)
	o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.PipelinePoolSize = -1
	o.PoolSize = 16
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return goredis.NewUniversalClient(o)
}

// describe says where a Redis is, without user and password.
func describe(o *goredis.UniversalOptions) string {
	where := strings.Join(o.Addrs, ",")
	switch {
	case o.MasterName != "":
		return "redis " + strconv.Quote(o.MasterName) + " of the sentinels " + where
	case o.IsClusterMode:
		return "redis cluster " + where
	case o.DB != 0:
		return "redis " + where + "/" + strconv.Itoa(o.DB)
	}
	return "redis " + where
}

// Dial returns a client for what others keep beside the record, in the same Redis under keys that begin with Prefix, and not over the
// record's own connections. It sends each command once; how long it waits is the context's to say, and timeout's at most. It does not
// connect yet. The caller closes it.
func Dial(url string, timeout time.Duration) (goredis.UniversalClient, error) {
	options, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	return connect(options, timeout), nil
}

// Prefix is what all keys of a record begin with: it puts them into one slot of a Cluster.
func Prefix(name string) string { return "{telltale:" + name + "}:" }
