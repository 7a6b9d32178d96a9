package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
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
//	rediss://…?ca=FILE&cert=FILE&key=FILE          checked against those in a PEM file; with a certificate of our own, where Redis asks for one
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
	query := u.Query()
	if err := trust(o.TLSConfig, query.Get("ca"), query.Get("cert"), query.Get("key")); err != nil {
		return nil, err
	}
	for name, values := range query {
		switch name {
		case "ca", "cert", "key":
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
			return nil, fmt.Errorf("%w: of parameters it has addr, master_name, sentinel_username, sentinel_password, cluster, ca, cert and key", ErrURL)
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

// trust reads whose certificates are good, and our own; an empty name is no file.
func trust(c *tls.Config, ca, cert, key string) error {
	switch {
	case ca == "" && cert == "" && key == "":
		return nil
	case c == nil:
		return fmt.Errorf("%w: ca, cert and key are for rediss://", ErrURL)
	case (cert == "") != (key == ""):
		return fmt.Errorf("%w: cert and key come together", ErrURL)
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return fmt.Errorf("%w: the file that ca names: %w", ErrURL, bare(err))
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%w: the file that ca names holds no certificate in PEM", ErrURL)
		}
	}
	if cert != "" {
		own, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("%w: the files that cert and key name: %w", ErrURL, bare(err))
		}
		c.Certificates = []tls.Certificate{own}
	}
	return nil
}

// bare takes the file's name out of an error, as it is from the URL.
func bare(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
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
