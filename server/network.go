package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"

	"github.com/mcp-cloud/telltale/server/limit"
	"github.com/mcp-cloud/telltale/server/web"
	"github.com/mcp-cloud/telltale/shared/event"
)

// networkFlags say how the server stands on a network, and how much one client may have of it.
type networkFlags struct {
	URLTokens    bool     `name:"url-tokens" default:"true" negatable:"" group:"Who may see what" help:"Take tokens as ?auth=TOKEN in an address, for programs that can send no header. Default: ${default}."`
	TLSCert      string   `name:"tls-cert" placeholder:"FILE" group:"On a network" help:"Speak https with the certificate in this PEM file, intermediate ones behind it. Read again when it changes. Default: none."`
	TLSKey       string   `name:"tls-key" placeholder:"FILE" group:"On a network" help:"Its private key. Default: none."`
	PublicURL    string   `name:"public-url" placeholder:"URL" group:"On a network" help:"Where readers find this server, such as https://telltale.example: for links, and as the only Host that is answered to, with those of --host. Default: as they ask."`
	Host         []string `placeholder:"NAME" group:"On a network" help:"Answer only to this name in the Host of a request; several as a list, or by giving it again. Default: any, where tokens are asked for."`
	CORSOrigin   []string `name:"cors-origin" placeholder:"ORIGIN" group:"On a network" help:"Pages of this origin, such as https://dash.example, may use the API as our own do: with a token, or where it is of the same site with their reader's session. Exact, and may be given again. Default: none."`
	TrustedProxy []string `name:"trusted-proxy" placeholder:"CIDR" group:"On a network" help:"Believe what this proxy says of where a request came from (X-Forwarded-For and -Proto, or Forwarded): an address or a range of them, such as 10.0.0.0/8; may be given again. Default: none."`

	StreamsPerUser    *int `name:"streams-per-user" placeholder:"N" group:"How much at once" help:"How many streams one user may have open; who wants more gets what he missed and polls. 0: no bound. Default: 10 where tokens are asked for."`
	StreamsPerAddress int  `name:"streams-per-address" default:"0" placeholder:"N" group:"How much at once" help:"The same from one address; of IPv6 from one /64. 0: no bound. Default: ${default}."`
	Streams           int  `default:"50000" placeholder:"N" group:"How much at once" help:"The same in all. 0: no bound. Default: ${default}."`
	RequestRate       *int `name:"request-rate" placeholder:"N" group:"How much at once" help:"How many requests a second one user may make, streams that he opens counted, or where nobody is asked who he is one address; and ten times as many at once, after a rest. Publishing has as much again, of which it takes one for each 256KiB and each mistake. 0: no bound. Default: 50 where tokens are asked for."`
	PublishRate       *int `name:"publish-rate" placeholder:"N" group:"How much at once" help:"How many events a second may be published with one token, or where nobody is asked for one from one address. 0: no bound. Default: 1000 where tokens are asked for."`
	PublishBurst      int  `name:"publish-burst" default:"10000" placeholder:"N" group:"How much at once" help:"How many at once, after a rest. Default: ${default}."`
	NewServers        *int `name:"new-servers-per-user" placeholder:"N" group:"How much at once" help:"Events of how many servers that have not been heard of lately one user may publish at once, or where nobody is asked for a token one address; after that of one more each second. 0: no bound. Default: 2000 where tokens are asked for."`
	PictureBytes      size `name:"picture-bytes" default:"128MiB" group:"How much at once" help:"How much memory is shared out among the servers for their latest states and samples, which newcomers are shown: for each an equal part, rounded down to a power of two, but from 64KiB to 1MiB. Of lines each has half of that. From 1MiB to 16GiB. Default: ${default}."`
	MaxBody           size `name:"max-body" default:"4MiB" group:"How much at once" help:"How large the body of one publishing request may be as it arrives; unfolded it may be four times that. From 1KiB to 8MiB. Default: ${default}."`
	MaxEvent          size `name:"max-event" default:"256KiB" group:"How much at once" help:"How large one event may be. From 1KiB to 256KiB. Default: ${default}."`
}

// Validate is called by kong.
func (n *networkFlags) Validate() error {
	if (n.TLSCert == "") != (n.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together")
	}
	if n.PublicURL != "" {
		u, err := url.Parse(n.PublicURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			return fmt.Errorf("--public-url %q: want something like https://telltale.example, without a path", n.PublicURL)
		}
	}
	for _, origin := range n.CORSOrigin {
		if err := web.CheckOrigin(origin); err != nil {
			return fmt.Errorf("--cors-origin: %w", err)
		}
	}
	if _, err := n.proxies(); err != nil {
		return err
	}
	for _, f := range []struct {
		flag string
		n    int
	}{
		{"--streams-per-user", deref(n.StreamsPerUser)}, {"--streams-per-address", n.StreamsPerAddress}, {"--streams", n.Streams},
		{"--request-rate", deref(n.RequestRate)}, {"--publish-rate", deref(n.PublishRate)}, {"--new-servers-per-user", deref(n.NewServers)},
	} {
		if f.n < 0 {
			return fmt.Errorf("%s: 0 or more", f.flag)
		}
	}
	if n.PublishBurst < 1 {
		return errors.New("--publish-burst: 1 or more")
	}
	if n.PictureBytes < 1<<20 || n.PictureBytes > 16<<30 {
		return errors.New("--picture-bytes: from 1MiB to 16GiB")
	}
	if n.MaxBody < 1<<10 || n.MaxBody > 8<<20 {
		return errors.New("--max-body: from 1KiB to 8MiB")
	}
	if n.MaxEvent < 1<<10 || n.MaxEvent > event.MaxData {
		return errors.New("--max-event: from 1KiB to 256KiB")
	}
	return nil
}

func deref(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

func (n *networkFlags) proxies() (out []netip.Prefix, err error) {
	for _, text := range n.TrustedProxy {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("--trusted-proxy %q: want an address such as 10.0.0.7, or a range such as 10.0.0.0/8", text)
			}
			p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// Bounds where tokens are asked for, unless the flags say otherwise. Where nobody is asked, everything is this machine's own.
const (
	defaultUserStreams = 10
	defaultRequestRate = 50   // requests a second, far more than ten busy pages make
	requestBurst       = 10   // seconds of that at once: many pages of one user that come back together
	defaultPublishRate = 1000 // events a second
	defaultNewServers  = 2000 // at once: a whole fleet that is started
	newServersRate     = 1    // a second after that: the picture has 10,000, and whoever is heard of now and then is to stay in it for hours
)

// access returns what the server is made with. Tokens says whether they are asked for.
func (n *networkFlags) access(tokens bool, logger *slog.Logger) (a web.Access, err error) {
	a = web.Access{
		NoURLTokens: !n.URLTokens, Origins: n.CORSOrigin, PublicURL: strings.TrimRight(n.PublicURL, "/"),
		Streams: limit.Limits{User: deref(n.StreamsPerUser), Address: n.StreamsPerAddress, All: n.Streams},
		MaxBody: int(n.MaxBody),
	}
	if n.MaxEvent < event.MaxData { // what the catalogue allows stands apart from what surrounds it
		a.MaxEvent = int(n.MaxEvent)
	}
	if tokens && n.StreamsPerUser == nil {
		a.Streams.User = defaultUserStreams
	}
	if a.Requests.PerSecond = float64(deref(n.RequestRate)); tokens && n.RequestRate == nil {
		a.Requests.PerSecond = defaultRequestRate
	}
	a.Requests.Burst = requestBurst * int(a.Requests.PerSecond)
	if tokens && n.PublishRate == nil {
		a.Publishing.PerSecond = defaultPublishRate
	} else {
		a.Publishing.PerSecond = float64(deref(n.PublishRate))
	}
	a.Publishing.Burst = n.PublishBurst
	if a.NewServers.Burst = deref(n.NewServers); tokens && n.NewServers == nil {
		a.NewServers.Burst = defaultNewServers
	}
	if a.NewServers.Burst > 0 {
		a.NewServers.PerSecond = newServersRate
	}
	if a.TrustedProxies, err = n.proxies(); err != nil {
		return a, err
	}
	for _, name := range n.Host {
		a.Hosts = append(a.Hosts, strings.ToLower(strings.TrimSuffix(name, ".")))
	}
	if u, err := url.Parse(a.PublicURL); err == nil && u.Hostname() != "" {
		a.Hosts = append(a.Hosts, strings.ToLower(u.Hostname()))
	}
	if n.TLSCert != "" {
		cert, err := web.LoadCertificate(n.TLSCert, n.TLSKey, logger)
		if err != nil {
			return a, err
		}
		a.TLS = cert.Config()
	}
	return a, nil
}

// clear warns once of tokens that go over a network as they are.
func (n *networkFlags) clear(address string, logger *slog.Logger) {
	if n.TLSCert == "" && !web.Loopback(address) && !strings.HasPrefix(n.PublicURL, "https://") {
		logger.Warn("this speaks http on an address that a network can reach: tokens and all that is shown go over it in the clear, unless a proxy in front speaks https. "+
			"Give --tls-cert and --tls-key, or tell of the proxy with --public-url https://…", "address", address)
	}
}
