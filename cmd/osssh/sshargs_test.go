package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/semaphore"
)

// An argsCase is a command line behind "osssh". Words are separated by one
// space; ” is an empty word, and ~ is a space within one.
type argsCase struct {
	line string
	want sshArgs
	err  string
	own  string // why ssh reads it otherwise: then it is not held against ssh
}

func (c argsCase) words() []string {
	if c.line == "" {
		return nil
	}
	words := strings.Split(c.line, " ")
	for i, word := range words {
		words[i] = strings.ReplaceAll(strings.ReplaceAll(word, "''", ""), "~", " ")
	}
	return words
}

const (
	longFlag = "a long flag is osssh's own"
	anyName  = "the name of an instance may be anything"
	later    = "a flag that osssh does not know yet"

	evaluated = "the parser leaves ssh_config's keywords to its evaluation"
)

var argsCases = []argsCase{
	// The instance.
	{line: "web", want: sshArgs{host: "web"}},
	{line: "bob@web", want: sshArgs{host: "web", user: "bob"}},
	{line: "bob@example.com@web", want: sshArgs{host: "web", user: "bob@example.com"}},
	{line: `CORP\bob@web`, want: sshArgs{host: "web", user: `CORP\bob`}},
	{line: "::1", want: sshArgs{host: "::1"}},
	{line: "Web.Example", want: sshArgs{host: "Web.Example"}},
	{line: "my~server", want: sshArgs{host: "my server"}, own: anyName},
	{line: "prod/web(1)", want: sshArgs{host: "prod/web(1)"}, own: anyName},
	{line: "-- -web", want: sshArgs{host: "-web"}, own: anyName},
	{line: "-", want: sshArgs{host: "-"}, own: anyName},
	{line: "", err: "no instance named"},
	{line: "--", err: "no instance named"},
	{line: "''", err: "no instance named", own: "ssh fails at connecting"},
	{line: "bob@", err: "no instance named", own: "ssh fails at connecting"},
	{line: "@web", err: `no user before the @ of "@web"`},
	{line: "-v", err: "no instance named"},

	// URIs.
	{line: "ssh://web", want: sshArgs{host: "web"}},
	{line: "ssh://web/", want: sshArgs{host: "web"}},
	{line: "ssh://bob@web", want: sshArgs{host: "web", user: "bob"}},
	{line: "ssh://bob@web:2222", want: sshArgs{host: "web", user: "bob", port: 2222}},
	{line: "ssh://web:2222/ uptime", want: sshArgs{host: "web", port: 2222, command: "uptime"}},
	{line: "ssh://web:", want: sshArgs{host: "web"}},
	{line: "ssh://bob;fingerprint=x@web", want: sshArgs{host: "web", user: "bob"}},
	{line: "ssh://bob%40corp+x@web", want: sshArgs{host: "web", user: "bob@corp x"}},
	{line: "ssh://bob:secret@web", want: sshArgs{host: "web", user: "bob:secret"}},
	{line: "-l eve -p 1 ssh://bob@web:2222", want: sshArgs{host: "web", user: "eve", port: 1}},
	{line: "ssh://bob@web:2222 -l eve -p 1", want: sshArgs{host: "web", user: "bob", port: 2222}},
	{line: "ssh://bob@[::1]:2222", want: sshArgs{host: "::1", user: "bob", port: 2222}, own: "ssh takes host names only"},
	{line: "ssh://[fd00::1]/", want: sshArgs{host: "fd00::1"}, own: "ssh takes host names only"},
	{line: "SSH://web", want: sshArgs{host: "SSH://web"}},
	{line: "ssh://", err: `bad address "ssh://"`},
	{line: "ssh://@web", err: `bad address "ssh://@web"`},
	{line: "ssh://a@b@web", err: `bad address "ssh://a@b@web"`},
	{line: "ssh://bob%zz@web", err: `bad address "ssh://bob%zz@web"`},
	{line: "ssh://bob%00@web", err: `bad user "bob\x00"`},
	{line: "ssh://web/etc", err: `bad address "ssh://web/etc"`},
	{line: "ssh://web:0", err: `bad address "ssh://web:0"`},
	{line: "ssh://web:65536", err: `bad address "ssh://web:65536"`},
	{line: "ssh://[::1", err: `bad address "ssh://[::1"`},
	{line: "ssh://[::1]22", err: `bad address "ssh://[::1]22"`},

	// Users.
	{line: "-l root web", want: sshArgs{host: "web", user: "root"}},
	{line: "-lroot web", want: sshArgs{host: "web", user: "root"}},
	{line: "web -l root", want: sshArgs{host: "web", user: "root"}},
	{line: "-l root bob@web", want: sshArgs{host: "web", user: "root"}},
	{line: "bob@web -l root", want: sshArgs{host: "web", user: "bob"}},
	{line: "-l a -lb web -l c", want: sshArgs{host: "web", user: "a"}},
	{line: "-l -v web", err: `bad user "-v"`},
	{line: "-l a;b web", err: `bad user "a;b"`},
	{line: "-l a~-b web", err: `bad user "a -b"`},
	{line: "-l a~b web", want: sshArgs{host: "web", user: "a b"}},
	{line: `a\@web`, err: `bad user "a\\"`},
	{line: "-l '' web", err: "flag -l names no user", own: "ssh sends a user without a name"},
	{line: "-l", err: "flag -l needs a word"},

	// Ports.
	{line: "-p 2222 web", want: sshArgs{host: "web", port: 2222}},
	{line: "-p22 web", want: sshArgs{host: "web", port: 22}},
	{line: "-p +0022 web", want: sshArgs{host: "web", port: 22}},
	{line: "-p ~22 web", want: sshArgs{host: "web", port: 22}},
	{line: "-p ssh web", want: sshArgs{host: "web", port: 22}},
	{line: "-p 1 web -p 2", want: sshArgs{host: "web", port: 1}},
	{line: "-p 1 -p none web", want: sshArgs{host: "web", port: 1}},
	{line: "-p 0 web", err: `bad port "0"`},
	{line: "-p 65536 web", err: `bad port "65536"`},
	{line: "-p -1 web", err: `bad port "-1"`},
	{line: "-p 0x16 web", err: `bad port "0x16"`},
	{line: "-p 22~ web", err: `bad port "22 "`},
	{line: "-p '' web", err: `bad port ""`},
	{line: "web -p", err: "flag -p needs a word"},

	// Keys.
	{line: "-i /K/a web", want: sshArgs{host: "web", identities: []string{"/K/a"}}},
	{line: "-i/K/a web -i /K/b", want: sshArgs{host: "web", identities: []string{"/K/a", "/K/b"}}},
	{line: "-i /K/b -i /K/a -i /K/b web", want: sshArgs{host: "web", identities: []string{"/K/b", "/K/a"}}},
	{line: "-i /K/with~space web", want: sshArgs{host: "web", identities: []string{"/K/with space"}}},

	// ssh_config.
	{line: "-F /K/a web -F/K/b", want: sshArgs{host: "web", configFile: "/K/b"}, own: evaluated},
	{line: "-oUser=bob web -o Port~22", want: sshArgs{host: "web", user: "bob", port: 22}},
	{line: "-oUser=bob -l carl web", want: sshArgs{host: "web", user: "bob"}},
	{line: "-l carl -oUser=bob web", want: sshArgs{host: "web", user: "carl"}},
	{line: "-ouser=bob carl@web", want: sshArgs{host: "web", user: "bob"}},
	{line: "-p 2022 -o port=22 web", want: sshArgs{host: "web", port: 2022}},
	{line: "web -o", err: "flag -o needs a word"},

	// Terminals.
	{line: "-t web top", want: sshArgs{host: "web", tty: ttyYes, command: "top"}},
	{line: "-tt web top", want: sshArgs{host: "web", tty: ttyForce, command: "top"}},
	{line: "-t web -t top", want: sshArgs{host: "web", tty: ttyForce, command: "top"}},
	{line: "-ttt web top", want: sshArgs{host: "web", tty: ttyYes, command: "top"}},
	{line: "-T web", want: sshArgs{host: "web", tty: ttyNo}},
	{line: "-tT web top", want: sshArgs{host: "web", tty: ttyNo, command: "top"}},
	{line: "-ttTt web top", want: sshArgs{host: "web", tty: ttyYes, command: "top"}},
	{line: "-n web", want: sshArgs{host: "web", noStdin: true}},
	{line: "-nt web top", want: sshArgs{host: "web", noStdin: true, tty: ttyYes, command: "top"}},
	{line: "-ntt web", want: sshArgs{host: "web", noStdin: true, tty: ttyForce}},

	// Families and what is said.
	{line: "-4 web", want: sshArgs{host: "web", family: 4}},
	{line: "-4 web -6", want: sshArgs{host: "web", family: 6}},
	{line: "-q web", want: sshArgs{host: "web", quiet: true}},
	{line: "-v web", want: sshArgs{host: "web", verbose: 1}},
	{line: "-vvvv web", want: sshArgs{host: "web", verbose: 3}},
	{line: "-vv web -v", want: sshArgs{host: "web", verbose: 3}},
	{line: "-qv web", want: sshArgs{host: "web", verbose: 1}},
	{line: "-vq web", want: sshArgs{host: "web", quiet: true}},
	{line: "-vqv web", want: sshArgs{host: "web", quiet: true}},

	// Clusters.
	{line: "-vvp22 web", want: sshArgs{host: "web", verbose: 2, port: 22}},
	{line: "-46ntlroot web", want: sshArgs{host: "web", family: 6, noStdin: true, tty: ttyYes, user: "root"}},
	{line: "-tp 22 web -vl bob", want: sshArgs{host: "web", tty: ttyYes, port: 22, verbose: 1, user: "bob"}},
	{line: "-t- web", err: "unknown flag --"},

	// Commands.
	{line: "web uptime", want: sshArgs{host: "web", command: "uptime"}},
	{line: "web df -h /", want: sshArgs{host: "web", command: "df -h /"}},
	{line: "web ls -l -v", want: sshArgs{host: "web", command: "ls -l -v"}},
	{line: "web -v ls -v", want: sshArgs{host: "web", verbose: 1, command: "ls -v"}},
	{line: "web -- ls", want: sshArgs{host: "web", command: "ls"}},
	{line: "web -- -v", want: sshArgs{host: "web", command: "-v"}},
	{line: "web -- -- ls", want: sshArgs{host: "web", command: "-- ls"}},
	{line: "web ls -- -v", want: sshArgs{host: "web", command: "ls -- -v"}},
	{line: "-- web -v", want: sshArgs{host: "web", command: "-v"}},
	{line: "-- web -- -v", want: sshArgs{host: "web", command: "-- -v"}},
	{line: "-v -- bob@web ls", want: sshArgs{host: "web", user: "bob", verbose: 1, command: "ls"}},
	{line: "web --", want: sshArgs{host: "web"}},
	{line: "web -", want: sshArgs{host: "web", command: "-"}},
	{line: "web ''", want: sshArgs{host: "web"}},
	{line: "web '' ''", want: sshArgs{host: "web", command: " "}},
	{line: "web echo '' a~~b", want: sshArgs{host: "web", command: "echo  a  b"}},
	{line: "web '' -v", want: sshArgs{host: "web", command: " -v"}},
	{line: "web echo 'a\tb' \"$HOME\" *\n\\x \xff\xfe", want: sshArgs{host: "web", command: "echo 'a\tb' \"$HOME\" *\n\\x \xff\xfe"}},
	{line: "web echo ü", want: sshArgs{host: "web", command: "echo ü"}},

	// Long flags.
	{line: "--os-cloud prod web", want: sshArgs{host: "web", globals: globals{cloud: "prod"}}, own: longFlag},
	{line: "web --os-cloud prod ls", want: sshArgs{host: "web", globals: globals{cloud: "prod"}, command: "ls"}, own: longFlag},
	{line: "--wait web", want: sshArgs{host: "web", wait: defaultWait}, own: longFlag},
	{line: "--wait=90s --start web ls --wait", want: sshArgs{host: "web", wait: 90 * time.Second, start: true, command: "ls --wait"}, own: longFlag},
	{line: "web --wait 90s", want: sshArgs{host: "web", wait: defaultWait, command: "90s"}, own: longFlag},
	{line: "web --os-cloud=prod", want: sshArgs{host: "web", globals: globals{cloud: "prod"}}, own: longFlag},
	{line: "-t --debug web --no-cache -v ls --debug", own: longFlag,
		want: sshArgs{host: "web", tty: ttyYes, verbose: 1, command: "ls --debug", globals: globals{debug: true, noCache: true}}},
	{line: "--os-region-name r --os-project-name p --os-interface i web", own: longFlag,
		want: sshArgs{host: "web", globals: globals{region: "r", project: "p", iface: "i"}}},
	{line: "web ls --os-cloud prod", want: sshArgs{host: "web", command: "ls --os-cloud prod"}},
	{line: "web -- --os-cloud prod", want: sshArgs{host: "web", command: "--os-cloud prod"}},
	{line: "-l --os-cloud web", err: `bad user "--os-cloud"`},
	{line: "web --os-cloud", err: "flag --os-cloud needs a word"},
	{line: "--debug=1 web", err: "unknown flag --debug"},
	{line: "--no-such web", err: "unknown flag --no-such"},
	{line: "web --help", err: "help is asked for"},
	{line: "web ls --help", want: sshArgs{host: "web", command: "ls --help"}},

	// Flags that are refused.
	{line: "-A web", err: "ssh's flag -A is not supported", own: later},
	{line: "-L 1:a:2 web", err: "ssh's flag -L is not supported", own: later},
	{line: "web -tN", err: "ssh's flag -N is not supported", own: later},
	{line: "-h web", err: "unknown flag -h"},
	{line: "-tü web", err: "unknown flag -ü"},
	{line: "-: web", err: "unknown flag -:"},
}

func TestParseSSHArgs(t *testing.T) {
	for _, c := range argsCases {
		t.Run(c.line, func(t *testing.T) {
			got, err := parseSSHArgs(c.words(), globals{})
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				var usage *usageError
				if !errors.As(err, &usage) && !errors.Is(err, errHelp) {
					t.Errorf("error is a %T", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, c.want) {
				t.Errorf("got  %+v\nwant %+v", *got, c.want)
			}
		})
	}
}

// What stands before a command is kept, and can be overruled behind it.
func TestParseSSHArgsKeepsGlobals(t *testing.T) {
	before := globals{cloud: "a", region: "r", quiet: true}
	got, err := parseSSHArgs([]string{"web", "--os-cloud", "b"}, before)
	if err != nil {
		t.Fatal(err)
	}
	if want := (globals{cloud: "b", region: "r", quiet: true}); got.globals != want || !got.quiet {
		t.Errorf("got %+v, want %+v", got.globals, want)
	}
}

// TestArgsAgainstSSH holds every line above that is not osssh's own against the
// ssh of this machine: what `ssh -G` makes of it, and what a server gets to see
// of it, from a terminal and from a file.
func TestArgsAgainstSSH(t *testing.T) {
	for _, tool := range []string{"ssh", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatal(err)
		}
	}
	o := newOracle(t)
	held := 0
	busy := semaphore.NewWeighted(8) // an ssh mostly waits
	t.Run("lines", func(t *testing.T) {
		for _, c := range argsCases {
			if c.own != "" {
				continue
			}
			held++
			t.Run(c.line, func(t *testing.T) {
				t.Parallel()
				_ = busy.Acquire(t.Context(), 1)
				defer busy.Release(1)
				words := c.words()
				for i, word := range words { // the keys that the table names
					words[i] = strings.Replace(word, "/K/", o.dir+"/", 1)
				}
				o.compare(t, words)
			})
		}
	})
	if held < 50 {
		t.Errorf("only %d lines were held against ssh", held)
	}
}

// oracle is ssh, and a server that it reaches whatever it is told to dial.
type oracle struct {
	dir     string // holds the key files
	server  *ssh.ServerConfig
	account string // who runs this
}

func newOracle(t *testing.T) *oracle {
	t.Helper()
	o := &oracle{dir: t.TempDir()}
	for _, name := range []string{"a", "b", "with space"} {
		if err := os.WriteFile(filepath.Join(o.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	o.server = &ssh.ServerConfig{NoClientAuth: true}
	o.server.AddHostKey(signer)
	account, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	o.account = account.Username
	return o
}

// compare holds the parser against ssh on one line.
func (o *oracle) compare(t *testing.T, words []string) {
	got, err := parseSSHArgs(words, globals{})
	settings, sshErr := o.settings(t.Context(), words)
	if (err != nil) != (sshErr != nil) {
		t.Fatalf("osssh says %v, ssh says %v", err, sshErr)
	}
	if err != nil {
		return
	}
	if got := settingsOf(got, o.account); !reflect.DeepEqual(got, settings) {
		t.Errorf("osssh %v\nssh   %v", got, settings)
	}
	for _, terminal := range []bool{true, false} {
		stdin, closeStdin := openStdin(t, terminal)
		p := &process{stdin: stdin, ui: &ui{quiet: true}}
		want := request{user: got.user, command: got.command, shell: got.command == "", pty: p.wantsTTY(got)}
		if want.user == "" {
			want.user = o.account
		}
		if seen := o.run(t, words, stdin); seen != want {
			t.Errorf("terminal: %v\nosssh %+v\nssh   %+v", terminal, want, seen)
		}
		closeStdin()
		if !want.pty { // then it is none from a file either
			break
		}
	}
}

func openStdin(t *testing.T, terminal bool) (*os.File, func()) {
	t.Helper()
	if !terminal {
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		return null, func() { _ = null.Close() }
	}
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	return slave, func() { _, _ = slave.Close(), master.Close() }
}

// settings are the ones that osssh's flags can change, as ssh -G names them.
func (o *oracle) settings(ctx context.Context, words []string) (map[string]string, error) {
	command := exec.CommandContext(ctx, "ssh", append([]string{"-G", "-F", "none"}, words...)...)
	out, err := command.Output()
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case "host", "user", "port", "addressfamily", "requesttty", "stdinnull":
			found[name] = value
		case "loglevel":
			found[name] = value
			if value == "SILENT" || value == "FATAL" { // of -q and -vqv: osssh is quiet for both
				found[name] = "QUIET"
			}
		case "identityfile":
			if strings.HasPrefix(value, o.dir) { // not one of the defaults
				found[name] += value + "\n"
			}
		}
	}
	return found, nil
}

// settingsOf writes a parsed line as ssh -G would.
func settingsOf(a *sshArgs, account string) map[string]string {
	settings := map[string]string{
		"host": a.host, "user": a.user, "port": strconv.Itoa(a.port), "stdinnull": "no",
		"addressfamily": map[int]string{0: "any", 4: "inet", 6: "inet6"}[a.family],
		"requesttty":    map[ttyRequest]string{ttyAuto: "auto", ttyNo: "false", ttyYes: "true", ttyForce: "force"}[a.tty],
		"loglevel":      []string{"INFO", "DEBUG", "DEBUG2", "DEBUG3"}[a.verbose],
	}
	if a.user == "" {
		settings["user"] = account
	}
	if a.port == 0 {
		settings["port"] = "22"
	}
	if a.noStdin {
		settings["stdinnull"] = "yes"
	}
	if a.quiet {
		settings["loglevel"] = "QUIET"
	}
	for _, identity := range a.identities {
		settings["identityfile"] += identity + "\n"
	}
	return settings
}

// request is what a server gets to see of a command line.
type request struct {
	user, command string
	shell, pty    bool
}

// run starts ssh with a server of its own and gives what that saw.
func (o *oracle) run(t *testing.T, words []string, stdin *os.File) request {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel() // closes the connection, which ends the relay
	seen := make(chan request, 1)
	go o.serve(ctx, listener, seen)

	port := listener.Addr().(*net.TCPAddr).Port
	config := filepath.Join(t.TempDir(), "config")
	relay := fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d 2>&-; cat <&3 & exec cat >&3", port)
	lines := "ProxyCommand bash -c '" + relay + "'\n" +
		"StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nGlobalKnownHostsFile /dev/null\nIdentityAgent none\n"
	if err := os.WriteFile(config, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(ctx, "ssh", append([]string{"-F", config}, words...)...)
	command.WaitDelay = time.Second
	command.Stdin = stdin
	command.Env = append(os.Environ(), "SHELL=/bin/sh", "TERM=xterm")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("ssh: %v\n%s", err, out)
	}
	return <-seen
}

// serve lets one client in, notes what it asks for and answers status 0.
func (o *oracle) serve(ctx context.Context, listener net.Listener, seen chan<- request) {
	defer close(seen)
	conn, err := listener.Accept()
	if err != nil {
		return
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	server, channels, requests, err := ssh.NewServerConn(conn, o.server)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	r := request{user: server.User()}
	channel, requests, err := (<-channels).Accept()
	if err != nil {
		return
	}
	for q := range requests {
		if q.WantReply {
			_ = q.Reply(true, nil)
		}
		switch q.Type {
		case "pty-req":
			r.pty = true
			continue
		case "shell":
			r.shell = true
		case "exec":
			var exec struct{ Command string }
			_ = ssh.Unmarshal(q.Payload, &exec)
			r.command = exec.Command
		default:
			continue
		}
		seen <- r
		_, _ = channel.SendRequest("exit-status", false, make([]byte, 4))
		_ = channel.Close()
	}
}
