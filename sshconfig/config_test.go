package sshconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// evaluate reads a configuration for "web" with options that change fills in.
func evaluate(t testing.TB, config string, change func(*Options)) (*Settings, error) {
	t.Helper()
	o := Options{
		Host: "web", File: writeFile(t, filepath.Join(t.TempDir(), "config"), config),
		Home: "/home/me", SystemDir: "/etc/ssh", UID: 1000, LocalUser: "me", LocalHost: "here.example",
		Env: func(name string) (string, bool) { return "value of " + name, name == "SET" },
	}
	if change != nil {
		change(&o)
	}
	return Evaluate(context.Background(), o)
}

func mustEvaluate(t testing.TB, config string, change func(*Options)) *Settings {
	t.Helper()
	s, err := evaluate(t, config, change)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOrigin(t *testing.T) {
	dir := t.TempDir()
	inner := writeFile(t, filepath.Join(dir, "inner"), "# one\nPort 7\nIdentityFile b\n")
	user := writeFile(t, filepath.Join(dir, "config"), "IdentityFile a\nInclude "+inner+"\n")
	s := mustEvaluate(t, "", func(o *Options) {
		o.File, o.UserFile = "", user
		o.SystemFile = writeFile(t, filepath.Join(dir, "system"), "Port 8\nUser sys\n")
		o.Overrides = []string{"BatchMode=yes", "LogLevel debug"}
		o.UID = owner(t, user)
	})
	for keyword, want := range map[string][]Value{
		"Port":         {{"7", Origin{inner, 2}}},
		"identityfile": {{"a", Origin{user, 1}}, {"b", Origin{inner, 3}}},
		"user":         {{"sys", Origin{filepath.Join(dir, "system"), 2}}},
		"loglevel":     {{"DEBUG1", Origin{"", 2}}},
		"hostname":     nil,
	} {
		if got := s.Values(keyword); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", keyword, got, want)
		}
	}
	if got, want := s.Keywords(), []string{"batchmode", "identityfile", "loglevel", "port", "user"}; !slices.Equal(got, want) {
		t.Errorf("keywords %v, want %v", got, want)
	}
}

func TestGetters(t *testing.T) {
	s := mustEvaluate(t, `
User alice
HostName %h.Example.ORG
Port 2222
IdentityFile ~/.ssh/%r@%h
IdentityFile none
IdentityFile ${SET}/x
CertificateFile /c/%n
IdentitiesOnly yes
IdentityAgent ~/agent-%p
ProxyJump a@b:3,c
SendEnv A B*
SetEnv A=1 B=2
ConnectTimeout 1m5s
HostKeyAlias Alias
HostKeyAlgorithms ^ssh-rsa,ssh-future
StrictHostKeyChecking accept-new
UserKnownHostsFile ~/k %k
GlobalKnownHostsFile /g
HashKnownHosts yes
BatchMode yes
LogLevel verbose
AddressFamily inet6
`, nil)
	files, set, err := s.IdentityFiles(Remote{})
	if want := []string{"/home/me/.ssh/alice@web.example.org", "value of SET/x"}; !slices.Equal(files, want) || !set || err != nil {
		t.Errorf("identity files %q %v %v", files, set, err)
	}
	files, _, _ = s.IdentityFiles(Remote{Host: "10.0.0.1", User: "cirros"})
	if want := "/home/me/.ssh/cirros@10.0.0.1"; files[0] != want {
		t.Errorf("identity file %q, want %q", files[0], want)
	}
	agent, agentSet, err := s.IdentityAgent(Remote{Port: 99})
	jump, jumpErr := s.ProxyJump()
	known, knownErr := s.UserKnownHostsFiles(Remote{})
	algorithms, algorithmsErr := s.HostKeyAlgorithms()
	certificates, certificatesErr := s.CertificateFiles(Remote{})
	if err := errors.Join(err, jumpErr, knownErr, algorithmsErr, certificatesErr); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ got, want any }{
		{s.User(), "alice"},
		{s.HostName(), "web.example.org"},
		{s.Host(), "web.example.org"},
		{s.Port(), 2222},
		{certificates, []string{"/c/web"}},
		{s.IdentitiesOnly(), true},
		{agent, "/home/me/agent-99"},
		{agentSet, true},
		{jump, []JumpHost{{"b", "a", 3}, {"c", "", 0}}},
		{s.SendEnv(), []string{"A", "B*"}},
		{s.SetEnv(), []string{"A=1", "B=2"}},
		{s.ConnectTimeout(), 65 * time.Second},
		{s.HostKeyAlias(), "alias"},
		{algorithms, append([]string{"ssh-rsa"}, DefaultHostKeyAlgorithms()...)},
		{s.StrictHostKeyChecking(), CheckAcceptNew},
		{known, []string{"/home/me/k", "alias"}},
		{s.GlobalKnownHostsFiles(), []string{"/g"}},
		{s.HashKnownHosts(), true},
		{s.BatchMode(), true},
		{s.LogLevel(), "VERBOSE"},
		{s.AddressFamily(), "inet6"},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
}

func TestGettersWhereNothingIsSet(t *testing.T) {
	s := mustEvaluate(t, "", nil)
	files, set, err := s.IdentityFiles(Remote{})
	if files != nil || set || err != nil {
		t.Errorf("identity files %v %v %v", files, set, err)
	}
	if socket, set, err := s.IdentityAgent(Remote{}); socket != "" || set || err != nil {
		t.Errorf("agent %q %v %v", socket, set, err)
	}
	known, err := s.UserKnownHostsFiles(Remote{})
	if want := []string{"/home/me/.ssh/known_hosts", "/home/me/.ssh/known_hosts2"}; !slices.Equal(known, want) || err != nil {
		t.Errorf("known_hosts %v %v", known, err)
	}
	if got, want := s.GlobalKnownHostsFiles(), []string{"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"}; !slices.Equal(got, want) {
		t.Errorf("system known_hosts %v", got)
	}
	jump, err := s.ProxyJump()
	if jump != nil || err != nil || s.HostName() != "" || s.Host() != "web" || s.Port() != 0 || s.User() != "" ||
		s.StrictHostKeyChecking() != CheckAsk || s.ConnectTimeout() != 0 {
		t.Error("something is set")
	}
}

func TestNoneSwitchesOff(t *testing.T) {
	s := mustEvaluate(t, "IdentityFile none\nIdentityAgent none\nProxyJump none\nUserKnownHostsFile none\nGlobalKnownHostsFile none\nProxyCommand none\n", nil)
	if files, set, _ := s.IdentityFiles(Remote{}); len(files) != 0 || !set {
		t.Errorf("identity files %v %v", files, set)
	}
	if socket, set, _ := s.IdentityAgent(Remote{}); socket != "" || !set {
		t.Errorf("agent %q %v", socket, set)
	}
	jump, _ := s.ProxyJump()
	known, _ := s.UserKnownHostsFiles(Remote{})
	command, _ := s.ProxyCommand(Remote{})
	if len(jump)+len(known)+len(s.GlobalKnownHostsFiles())+len(command) != 0 {
		t.Errorf("%v %v %v %q", jump, known, s.GlobalKnownHostsFiles(), command)
	}
}

func TestIdentityAgentForms(t *testing.T) {
	for value, want := range map[string]string{
		"$SET": "value of SET", "${SET}/x": "value of SET/x", "$UNSET": "", "SSH_AUTH_SOCK": "", "~/a b": "/home/me/a b", "none": "",
	} {
		s := mustEvaluate(t, "IdentityAgent \""+value+"\"\n", nil)
		if got, set, err := s.IdentityAgent(Remote{}); got != want || !set || err != nil {
			t.Errorf("%s: %q %v %v, want %q", value, got, set, err, want)
		}
	}
}

func TestProxyCommandTokens(t *testing.T) {
	s := mustEvaluate(t, "ProxyCommand nc '%h' %p %r %n %k 100%% $HOME ${SET} # all of it\nHostKeyAlias ka\n", nil)
	got, err := s.ProxyCommand(Remote{Host: "10.0.0.1", Port: 2222, User: "cirros"})
	if want := "nc '10.0.0.1' 2222 cirros web ka 100% $HOME ${SET} # all of it"; got != want || err != nil {
		t.Errorf("got %q %v, want %q", got, err, want)
	}
	s = mustEvaluate(t, "\nProxyCommand nc %d\n", nil)
	var unknown *UnknownTokenError
	var bad *ConfigError
	if _, err := s.ProxyCommand(Remote{}); !errors.As(err, &unknown) || unknown.Token != "%d" || !errors.As(err, &bad) || bad.Origin.Line != 2 {
		t.Errorf("got %v", err)
	}
}

// What 9.2 refuses is read as later versions do.
func TestLaterGrammar(t *testing.T) {
	addresses := func() ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("::ffff:192.168.1.1")}, nil
	}
	for _, c := range []struct {
		line    string
		matches bool
	}{
		{"Match exec 'test web = %h'", true},
		{`Match exec "test \"a b\" = \"a b\""`, true},
		{"Match localnetwork 10.0.0.0/8", true},
		{"Match localnetwork 10.0.0.0/24,192.168.0.0/16", true},
		{"Match localnetwork 172.16.0.0/12", false},
		{"Match !localnetwork 172.16.0.0/12", true},
		{"Match localnetwork fe80::/10", true},
		{"Match localnetwork 10.1.2.3", true},
		{"Tag prod\nMatch tagged prod,dev", true},
		{"Match tagged=prod", false},
		{"Match tagged ''", true},
		{"Tag x\nMatch tagged ''", false},
		{"Match version OpenSSH_10.*", true},
		{"Match version OpenSSH_9.*", false},
		{`Match command "uptime*"`, true},
		{"Match command ''", false},
		{"Match sessiontype exec", true},
		{"Match sessiontype shell,subsystem", false},
		{"SessionType none\nMatch sessiontype none", true},
		{"Match host 'web'", false}, // 9.2 understands it, with the quotes in the name
		{"Match !final", true},
	} {
		s := mustEvaluate(t, c.line+"\nUser matched\n", func(o *Options) {
			o.LocalAddresses = addresses
			o.Command = "uptime -p"
			o.Exec = Shell{Path: "/bin/sh"}.Exec
		})
		if got := s.User() == "matched"; got != c.matches {
			t.Errorf("%s: %v", c.line, got)
		}
	}
	for _, keyword := range []string{"ObscureKeystrokeTiming interval:80", "ChannelTimeout session=5m", "VersionAddendum x y", "WarnWeakCrypto no-pq-kex",
		"EnableEscapeCommandline yes", "UseKeychain yes", "GSSAPIKeyExchange no", "RevokedHostKeys a b"} {
		if _, err := evaluate(t, keyword+"\n", nil); err != nil {
			t.Error(err)
		}
	}
	var refused *RefusedError
	if _, err := evaluate(t, "RefuseConnection \"not today\"\n", nil); !errors.As(err, &refused) || refused.Message != "not today" {
		t.Errorf("RefuseConnection: %v", err)
	}
	if _, err := evaluate(t, "Host db\nRefuseConnection \"not today\"\n", nil); err != nil {
		t.Errorf("RefuseConnection of another host: %v", err)
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	for _, c := range []struct {
		lines string
		line  int
		want  error
	}{
		{"User a\nNonsense x\n", 2, &UnknownKeywordError{"nonsense"}},
		{"User a b\n", 1, ErrMoreArguments},
		{"\n\nUser\n", 3, ErrNoArgument},
		{"User \"a\n", 1, errQuotes},
		{"Port 0\n", 1, ErrPort},
		{"ConnectTimeout 1x\n", 1, ErrTime},
		{"ServerAliveCountMax -1\n", 1, ErrNumber},
		{"BatchMode perhaps\n", 1, &BadChoiceError{"perhaps"}},
		{"SetEnv A\n", 1, ErrSetEnv},
		{"SendEnv A=1\n", 1, ErrEnvName},
		{"IdentityAgent $a-b\n", 1, ErrEnvName},
		{"IdentityAgent ${UNSET}\n", 1, &UnsetVariableError{"UNSET"}},
		{"ProxyJump a,,b\n", 1, ErrJumpHost},
		{"ProxyJump a:x\n", 1, ErrPort},
		{"HostKeyAlgorithms nonsense\n", 1, ErrNoAlgorithm},
		{"UserKnownHostsFile none x\n", 1, ErrNoneNotAlone},
		{"Match\n", 1, ErrNoArgument},
		{"Match #\n", 1, ErrMatchEmpty},
		{"Match nonsense x\n", 1, &CriterionError{"nonsense"}},
		{"Match host\n", 1, ErrMatchArgument},
		{"Match all host x\n", 1, ErrMatchAll},
		{"Match localnetwork 10.0.0.1/8\n", 1, ErrMatchNetwork},
		{"HostName %z\n", 1, &UnknownTokenError{"%z"}},
		{"Match exec \"%z\"\n", 1, &UnknownTokenError{"%z"}},
		{"Include ~nobody/x\n", 1, &UnknownUserError{User: "nobody"}},
		{"Include \"\"\n", 1, ErrNoArgument},
		{"SendEnv" + strings.Repeat(" A", maxLines+1) + "\n", 1, ErrTooManyValues},
		{numbered("LocalForward %d x:1\n", maxLines+1), maxLines + 1, ErrTooManyValues},
	} {
		_, err := evaluate(t, c.lines, nil)
		var bad *ConfigError
		if !errors.As(err, &bad) || bad.Origin.Line != c.line {
			t.Errorf("%q: %v, want line %d", c.lines, err, c.line)
			continue
		}
		if !errors.Is(bad.Why, c.want) && !reflect.DeepEqual(bad.Why, c.want) {
			t.Errorf("%q: %v, want %v", c.lines, bad.Why, c.want)
		}
	}
}

func TestEveryMistakeOfAFileIsTold(t *testing.T) {
	_, err := evaluate(t, strings.Repeat("Nonsense x\nUser a\n", 100), nil)
	if got := strings.Count(fmt.Sprint(err), "\n") + 1; got != maxLineErrors {
		t.Errorf("%d errors, want %d", got, maxLineErrors)
	}
}

func TestCommandLine(t *testing.T) {
	s := mustEvaluate(t, "User file\nPort 1\n", func(o *Options) {
		o.Overrides = []string{"User=override", "IdentityFile ~/x"}
		o.User, o.Port = "flag", 2
	})
	if s.User() != "override" || s.Port() != 2 || s.Values("port")[0].Origin.Path != "" {
		t.Errorf("%v %v", s.User(), s.Values("port"))
	}
	for _, line := range []string{"Host x", "Match all", "Include x"} {
		if _, err := evaluate(t, "", func(o *Options) { o.Overrides = []string{line} }); !errors.Is(err, ErrNotOnCommandLine) {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, change := range []func(*Options){
		func(o *Options) { o.Host = "a;reboot" },
		func(o *Options) { o.Host = "-oProxyCommand=x" },
		func(o *Options) { o.User = "$(reboot)" },
		func(o *Options) { o.Overrides = []string{"User='a`b`'"} },
		func(o *Options) { o.Overrides = []string{"ProxyJump=a$b"} },
		func(o *Options) { o.Overrides = []string{"ProxyJump=-x@b"} },
	} {
		var unsafe *UnsafeNameError
		if _, err := evaluate(t, "", change); !errors.As(err, &unsafe) {
			t.Errorf("got %v", err)
		}
	}
}

func TestFiles(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := evaluate(t, "", func(o *Options) { o.File = missing }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("-F of a missing file: %v", err)
	}
	s := mustEvaluate(t, "", func(o *Options) {
		o.File, o.UserFile = "None", writeFile(t, filepath.Join(t.TempDir(), "c"), "User a\n")
	})
	if s.User() != "" {
		t.Error("-F none reads a file")
	}
	mustEvaluate(t, "", func(o *Options) { o.File, o.UserFile, o.SystemFile = "", missing, missing })
	dir := t.TempDir()
	_, err := evaluate(t, "", func(o *Options) {
		o.File, o.SystemFile = "", writeFile(t, filepath.Join(dir, "system"), "Include ~/x\n")
	})
	if !errors.Is(err, ErrTildeInSystemFile) {
		t.Errorf("~ in a system file: %v", err)
	}
	s = mustEvaluate(t, "", func(o *Options) {
		writeFile(t, filepath.Join(dir, "part"), "User part\n")
		o.File, o.SystemDir, o.SystemFile = "", dir, writeFile(t, filepath.Join(dir, "system"), "Include part\n")
		o.UID = owner(t, dir)
	})
	if s.User() != "part" {
		t.Errorf("relative Include of a system file: %q", s.User())
	}
}

func TestIncludeIsBounded(t *testing.T) {
	dir := t.TempDir()
	uid := owner(t, dir)
	config, empty := filepath.Join(dir, "config"), writeFile(t, filepath.Join(dir, "empty"), "")
	read := func(file string) error {
		_, err := Evaluate(context.Background(), Options{Host: "web", File: file, Home: dir, UID: uid})
		return err
	}
	if err := read("/dev/zero"); !errors.Is(err, ErrTooManyFiles) {
		t.Errorf("endless file: %v", err)
	}
	for _, c := range []struct {
		content string
		want    error
	}{
		{"Include " + config + "\n", ErrIncludeDepth},
		{"Match final\nInclude " + config + "\n", ErrIncludeDepth},
		{"Include " + strings.Repeat(empty+" ", maxConfigFiles) + "\n", ErrTooManyFiles},
		{strings.Repeat("#"+strings.Repeat("x", 1<<20)+"\n", 17), ErrTooManyFiles},
	} {
		writeFile(t, config, c.content)
		if err := read(config); !errors.Is(err, c.want) {
			t.Errorf("%.60q: %.200v, want %v", c.content, err, c.want)
		}
	}
}

func TestIncludeExpandsVariables(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "of-web"), "User included\n")
	change := func(o *Options) {
		o.UID = owner(t, dir)
		o.Env = func(name string) (string, bool) { return dir, name == "DIR" }
	}
	if s := mustEvaluate(t, "Include ${DIR}/of-%n\n", change); s.User() != "included" {
		t.Errorf("user %q", s.User())
	}
	if s := mustEvaluate(t, "Include ${NOT_SET}/x ${DIR}/of-*\n", change); s.User() != "included" {
		t.Errorf("with an unset variable before it: user %q", s.User())
	}
}

func TestGlob(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.conf", "a.conf", ".hidden.conf", "c.txt", "[d"} {
		writeFile(t, filepath.Join(dir, name), "")
	}
	for pattern, want := range map[string][]string{
		"*.conf":    {"a.conf", "b.conf"},
		".*.conf":   {".hidden.conf"},
		"[!a].conf": {"b.conf"},
		"?.txt":     {"c.txt"},
		"a.conf":    {"a.conf"},
		"missing":   nil,
		"[d":        {"[d"},
		`\c.txt`:    {"c.txt"},
	} {
		var names []string
		for _, path := range glob(dir + "/" + pattern) {
			names = append(names, filepath.Base(path))
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: %v, want %v", pattern, names, want)
		}
	}
}

func TestMatchExecHasATimeLimit(t *testing.T) {
	start := time.Now()
	_, err := Evaluate(context.Background(), Options{
		Host: "web", File: writeFile(t, filepath.Join(t.TempDir(), "c"), "Match exec \"sleep 60 & wait\"\nUser a\n"),
		Exec: Shell{Path: "/bin/sh"}.Exec, ExecLimit: 200 * time.Millisecond,
	})
	var exec *ExecError
	if !errors.As(err, &exec) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestEvaluateCanBeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Evaluate(ctx, Options{
		Host: "web", File: writeFile(t, filepath.Join(t.TempDir(), "c"), "Match exec x\nUser a\nMatch exec y\n"),
		Exec: func(_ context.Context, command string) (int, error) {
			if command == "y" {
				t.Error("went on after the end of the context")
			}
			cancel()
			return 0, nil
		},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestMatchExecIsNotRunInVain(t *testing.T) {
	dir := t.TempDir()
	inner := writeFile(t, filepath.Join(dir, "inner"), "Match exec never\nUser a\n")
	mustEvaluate(t, "Match host db exec never\nUser a\nHost db\nInclude "+inner+"\n", func(o *Options) {
		o.UID = owner(t, dir)
		o.Exec = func(_ context.Context, command string) (int, error) {
			t.Errorf("%q was run", command)
			return 0, nil
		}
	})
}

func TestShell(t *testing.T) {
	var stderr strings.Builder
	shell := Shell{Path: "/bin/sh", Stderr: &stderr}
	for command, want := range map[string]int{"true": 0, "exit 7": 7, "echo x; echo y >&2; cat": 0} {
		if got, err := shell.Exec(context.Background(), command); got != want || err != nil {
			t.Errorf("%q: %d %v, want %d", command, got, err, want)
		}
	}
	if stderr.String() != "y\n" {
		t.Errorf("stderr %q", stderr.String())
	}
	if _, err := shell.Exec(context.Background(), "kill -9 $$"); err == nil {
		t.Error("a killed command is no error")
	}
	if _, err := (Shell{Path: "/nowhere"}).Exec(context.Background(), "true"); err == nil {
		t.Error("a shell that is not there is no error")
	}
}

func TestCanonicalize(t *testing.T) {
	dns := map[string]string{"web.a.example.": "web.a.example.", "web.b.example.": "real.b.example.", "web.": "web."}
	for _, c := range []struct {
		host, config, want string
	}{
		{"WEB", "CanonicalizeHostname yes\nCanonicalDomains x.example A.Example", "web.a.example"},
		{"web", "CanonicalDomains a.example", "web"},
		{"web", "CanonicalizeHostname yes\nCanonicalDomains b.example", "web.b.example"},
		{"web", "CanonicalizeHostname yes\nCanonicalDomains b.example\nCanonicalizePermittedCNAMEs *.a.example:x *.B.example:*.b.example", "real.b.example"},
		{"web", "CanonicalizeHostname yes\nCanonicalDomains b.example\nCanonicalizePermittedCNAMEs *", "real.b.example"},
		{"web", "CanonicalizeHostname yes\nCanonicalDomains a.example\nProxyCommand x", "web"},
		{"web", "CanonicalizeHostname always\nCanonicalDomains a.example\nProxyJump x", "web.a.example"},
		{"web.c.d", "CanonicalizeHostname yes\nCanonicalDomains a.example", "web.c.d"},
		{"web.", "CanonicalizeHostname yes", "web"},
		{"10.1", "CanonicalizeHostname yes\nCanonicalDomains a.example", "10.0.0.1"},
		{"web", "CanonicalizeHostname yes\nCanonicalDomains none", "web"},
	} {
		change := func(o *Options) {
			o.Host = c.host
			o.Canonical = func(_ context.Context, name string) (string, bool) { cname, ok := dns[name]; return cname, ok }
		}
		s := mustEvaluate(t, c.config+"\nMatch canonical host "+c.want+"\nUser canonical\n", change)
		if s.Host() != c.want {
			t.Errorf("%s, %q: %s, want %s", c.host, c.config, s.Host(), c.want)
		}
		if again := strings.Contains(c.config, "CanonicalizeHostname"); again != (s.User() == "canonical") {
			t.Errorf("%s, %q: user %q", c.host, c.config, s.User())
		}
	}
	var notFound *NotFoundError
	if _, err := evaluate(t, "CanonicalizeHostname yes\nCanonicalizeFallbackLocal no\n", nil); !errors.As(err, &notFound) {
		t.Errorf("no fallback: %v", err)
	}
}

func TestWarnings(t *testing.T) {
	s := mustEvaluate(t, "User a\nRhostsAuthentication yes\nMatch final\nPort 1\n", nil)
	var obsolete *ObsoleteKeywordError
	if w := s.Warnings(); len(w) != 1 || w[0].Line != 2 || !errors.As(w[0], &obsolete) || obsolete.Keyword != "rhostsauthentication" {
		t.Errorf("got %v", w)
	}
}

func FuzzEvaluate(f *testing.F) {
	for _, seed := range []string{
		"Host web\nUser a\n", "Match host web,!x exec \"a b\" all\n", "Include /dev/null \"a*\" ${X}\n", "IdentityFile %\n\"a\"=b\n", "ProxyJump ssh://a@[b]:3,c\n",
		"Match final\nHostName %h.%%\nHostKeyAlgorithms +*,-\n", "CanonicalizeHostname yes\nCanonicalDomains a\n", "SetEnv 'a=\\' \"\n", "\x00=\x0c\r",
	} {
		f.Add(seed, "web")
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, config, host string) {
		if strings.Contains(strings.ToLower(config), "include") {
			config = strings.ReplaceAll(config, "/", "_") // the machine's own files are no subject
		}
		s, err := Evaluate(context.Background(), Options{
			Host: host, File: writeFile(t, filepath.Join(dir, "config"), config), Home: dir, SystemDir: dir,
			Env:       func(name string) (string, bool) { return "x", len(name)%2 == 0 },
			Exec:      func(context.Context, string) (int, error) { return len(config) % 2, nil },
			Canonical: func(_ context.Context, name string) (string, bool) { return "c." + name, len(name)%2 == 0 },
		})
		if err != nil {
			if s != nil {
				t.Error("settings with an error")
			}
			return
		}
		// What was read can be asked for; a jump host has been judged already.
		if _, err := s.ProxyJump(); err != nil {
			t.Error(err)
		}
		if _, err := s.HostKeyAlgorithms(); err != nil {
			t.Error(err)
		}
		for _, keyword := range s.Keywords() {
			if len(s.Values(keyword)) == 0 {
				t.Errorf("%s is set to nothing", keyword)
			}
		}
	})
}
