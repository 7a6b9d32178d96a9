package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/mcp-cloud/telltale/server/history"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/pace"
)

// cli is every command and flag. Each flag is also an environment variable, see envName: what the command line says wins
// over the environment, and that over the default.
type cli struct {
	Serve   serveCmd   `cmd:"" default:"withargs" help:"Serve: record events, show them live, and publish this machine's own. The default command."`
	Tail    tailCmd    `cmd:"" help:"Follow a server's events, one line each."`
	Publish publishCmd `cmd:"" help:"Publish one event, or those on standard input, one JSON object a line."`
	Token   tokenCmd   `cmd:"" help:"Make a token for somebody, or the secret that tokens are signed with."`
	Flood   floodCmd   `cmd:"" help:"Put a server under load, and say what became of every event."`
	Version versionCmd `cmd:"" help:"Print the version."`

	Baseline baselineCmd `cmd:"" name:"flood-baseline" hidden:"" help:"A server for flood to compare with."`
}

// program is what a command runs with.
type program struct {
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// run is the whole program: it does what args say until that is done or ctx ends, which is no error. It touches nothing of
// the process but what it is given, so tests start what users start.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	var grammar cli
	exited := false
	parser, err := kong.New(&grammar,
		kong.Name("telltale"),
		kong.Description("Telltale shows the state of a fleet of servers, live, in a browser."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { exited = true }),
		kong.Resolvers(environment(getenv)),
		kong.ValueFormatter(withEnv),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{
			"data": dataDir(getenv), "throttle": pace.DefaultThrottle.String(), "debounce": pace.DefaultDebounce.String(),
			"changes": strconv.Itoa(pace.DefaultChanges), "longest": pace.DefaultLongest.String(),
			"historyage": strconv.Itoa(int(history.DefaultAge.Hours())) + "h",
			"redisname":  redis.DefaultName, "redistimeout": redis.DefaultTimeout.String(),
		},
	)
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if exited { // --help has been answered; what the rest of the line lacks does not matter then
		if len(args) == 1 { // by itself it asks for all there is
			for _, c := range parser.Model.Children {
				if c.Hidden {
					continue
				}
				fmt.Fprintln(stdout)
				_, _ = parser.Parse([]string{c.Name, "--help"})
			}
		}
		return nil
	}
	if err != nil {
		if name := fromEnvironment(err, args, getenv); name != "" {
			return fmt.Errorf("%w (that is from the environment variable %s)", err, name)
		}
		return fmt.Errorf("%w (telltale --help shows what there is)", err)
	}
	return command.Run(&program{ctx, stdin, stdout, stderr})
}

// envName is the environment variable of a flag: TELLTALE_SERVER_ID for --server-id.
func envName(flag string) string {
	return "TELLTALE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// environment gives flags that the command line does not have their values from the environment. An empty variable counts
// as none.
func environment(getenv func(string) string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if v := getenv(envName(flag.Name)); v != "" && flag.Name != "help" {
			return v, nil
		}
		return nil, nil
	})
}

// fromEnvironment returns the variable that gave the flag which an error is about its value; "" where the command line did.
func fromEnvironment(err error, args []string, getenv func(string) string) string {
	_, rest, _ := strings.Cut(err.Error(), "--")
	flag := rest
	if i := strings.IndexFunc(rest, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }); i >= 0 {
		flag = rest[:i]
	}
	onLine := func(arg string) bool { name, _, _ := strings.Cut(arg, "="); return name == "--"+flag }
	if flag == "" || slices.ContainsFunc(args, onLine) || getenv(envName(flag)) == "" {
		return ""
	}
	return envName(flag)
}

// withEnv names a flag's variable in its help.
func withEnv(v *kong.Value) string {
	text := kong.DefaultHelpValueFormatter(v)
	if v.Flag == nil || v.Name == "help" {
		return text
	}
	return strings.TrimSpace(text + " ($" + envName(v.Name) + ")")
}

// dataDir is where the record is kept unless a flag says otherwise: the same folder wherever the program is started from.
func dataDir(getenv func(string) string) string {
	for _, d := range []struct{ env, rest string }{
		{"XDG_STATE_HOME", "telltale"}, {"LOCALAPPDATA", "telltale"}, {"HOME", ".local/state/telltale"},
	} {
		if base := getenv(d.env); filepath.IsAbs(base) {
			return filepath.Join(base, filepath.FromSlash(d.rest))
		}
	}
	return "telltale-data"
}

// versionCmd prints the version.
type versionCmd struct{}

func (versionCmd) Run(p *program) error {
	_, err := fmt.Fprintln(p.stdout, "telltale", version)
	return err
}

// age is a duration that may be given in days: "30d", "6h", "90m". "0" is no bound.
type age time.Duration

func (a *age) UnmarshalText(text []byte) error {
	s := string(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n >= 0 && n <= 100_000) { // nor NaN
			return fmt.Errorf("%q is not a number of days", s)
		}
		*a = age(n * 24 * float64(time.Hour))
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return fmt.Errorf(`%q is not an age: want something like "30d" or "6h"`, s)
	}
	*a = age(d)
	return nil
}

// size is a number of bytes: "64MiB", "500kB", "4096". "0" is no bound.
type size int64

var units = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1},
}

func (s *size) UnmarshalText(text []byte) error {
	for _, u := range units {
		num, ok := strings.CutSuffix(string(text), u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
		if err != nil || !(n >= 0 && n*u.bytes <= math.MaxInt64/2) {
			break
		}
		*s = size(n * u.bytes)
		return nil
	}
	return fmt.Errorf(`%q is not a size: want something like "64MiB" or "500MB"`, text)
}

// isPiped reports whether r has something to read without a person typing it.
func isPiped(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return r != nil
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice == 0
}
