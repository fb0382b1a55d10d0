package sshconfig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// The evaluator is held against ssh -G of OpenSSH 9.2: the same values for
// every keyword that is compared, and an error where ssh has one.

// oracle runs ssh -G and Evaluate on the same files.
type oracle struct {
	ssh  string
	me   *user.User
	uid  int
	host string
	env  map[string]string
}

func newOracle(t testing.TB) *oracle {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return &oracle{
		ssh: tool(t, "ssh"), me: me, uid: os.Getuid(), host: host,
		env: map[string]string{"SHELL": "/bin/sh", "PATH": os.Getenv("PATH"), "HOME": me.HomeDir, "KEYS": "/keys dir", "EMPTY": ""},
	}
}

// question is what both are asked.
type question struct {
	file      string
	host      string
	overrides []string
	user      string
	port      int
}

func (o *oracle) options(q question) Options {
	return Options{
		Host: q.host, User: q.user, Port: q.port, Overrides: q.overrides, File: q.file,
		Home: o.me.HomeDir, SystemDir: "/etc/ssh", UID: o.uid, LocalUser: o.me.Username, LocalHost: o.host,
		Env:  func(name string) (string, bool) { v, ok := o.env[name]; return v, ok },
		Exec: Shell{Path: o.env["SHELL"]}.Exec,
		HomeOf: func(name string) (string, error) {
			u, err := user.Lookup(name)
			if err != nil {
				return "", err
			}
			return u.HomeDir, nil
		},
	}
}

// theirs is what ssh -G prints, by keyword, and its errors.
func (o *oracle) theirs(q question) (map[string][]string, string, error) {
	args := []string{"-G"}
	if q.file != "" {
		args = append(args, "-F", q.file)
	}
	for _, override := range q.overrides {
		args = append(args, "-o", override)
	}
	if q.user != "" {
		args = append(args, "-l", q.user)
	}
	if q.port != 0 {
		args = append(args, "-p", strconv.Itoa(q.port))
	}
	cmd := exec.Command(o.ssh, append(args, "--", q.host)...)
	for name, value := range o.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	values := map[string][]string{}
	for line := range strings.Lines(out.String()) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		values[name] = append(values[name], value)
	}
	return values, log.String(), err
}

// compared are the keywords that osssh acts on, and some of each other kind.
var compared = []string{
	"user", "hostname", "port", "identityfile", "certificatefile", "identitiesonly", "identityagent", "proxyjump", "proxycommand",
	"sendenv", "setenv", "connecttimeout", "hostkeyalias", "hostkeyalgorithms", "stricthostkeychecking", "userknownhostsfile",
	"globalknownhostsfile", "batchmode", "loglevel", "addressfamily",
	"hashknownhosts", "requesttty", "compression", "serveraliveinterval", "serveralivecountmax", "remotecommand", "canonicalizehostname",
	"bindaddress", "preferredauthentications", "ignoreunknown",
}

// defaults are what ssh -G prints for a keyword that nothing sets.
var defaults = map[string]string{
	"identitiesonly": "no", "batchmode": "no", "hashknownhosts": "no", "stricthostkeychecking": "ask", "loglevel": "INFO",
	"addressfamily": "any", "connecttimeout": "none", "requesttty": "auto", "compression": "no", "serveraliveinterval": "0",
	"serveralivecountmax": "3", "canonicalizehostname": "no",
}

// ours says in the manner of ssh -G what was evaluated.
func ours(s *Settings, localUser string) (map[string][]string, error) {
	values := map[string][]string{}
	for _, name := range compared {
		for _, v := range s.Values(name) {
			values[name] = append(values[name], v.Text)
		}
		if d, ok := defaults[name]; ok && values[name] == nil {
			values[name] = []string{d}
		}
	}
	set := func(name string, list ...string) { values[name] = list }
	set("hostname", s.Host())
	set("user", s.remote(Remote{}).User)
	set("port", strconv.Itoa(s.remote(Remote{}).Port))
	if alias := s.HostKeyAlias(); alias != "" {
		set("hostkeyalias", alias)
	}
	if s.ConnectTimeout() != 0 {
		set("connecttimeout", fmt.Sprint(int(s.ConnectTimeout().Seconds())))
	}
	if v := values["serveraliveinterval"][0]; v != "" {
		seconds, err := parseTime(v)
		if err != nil {
			return nil, err
		}
		set("serveraliveinterval", strconv.Itoa(seconds))
	}
	algorithms, err := s.HostKeyAlgorithms()
	if err != nil {
		return nil, err
	}
	if algorithms == nil {
		algorithms = DefaultHostKeyAlgorithms()
	}
	set("hostkeyalgorithms", strings.Join(algorithms, ","))
	files, err := s.UserKnownHostsFiles(Remote{})
	if err != nil {
		return nil, err
	}
	set("userknownhostsfile", orNone(strings.Join(files, " ")))
	set("globalknownhostsfile", orNone(strings.Join(s.GlobalKnownHostsFiles(), " ")))
	if socket, isSet, err := s.IdentityAgent(Remote{}); err != nil {
		return nil, err
	} else if text := s.text("identityagent"); isSet && !isNone(text) && text != "SSH_AUTH_SOCK" && !regexp.MustCompile(`^\$[^{]`).MatchString(text) {
		set("identityagent", socket) // ssh -G leaves the other forms as they are
	}
	for _, name := range []string{"proxycommand", "remotecommand"} {
		if v, ok := s.first(name); ok && isNone(v.Text) {
			delete(values, name)
		}
	}
	if jump, ok := s.first("proxyjump"); ok {
		hosts, err := s.ProxyJump()
		if err != nil {
			return nil, err
		}
		delete(values, "proxyjump")
		if len(hosts) > 0 {
			set("proxyjump", formatJump(jump.Text, hosts[len(hosts)-1]))
		}
	}
	return values, nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// formatJump is how ssh -G writes a ProxyJump: the last host taken apart, the
// others as they are.
func formatJump(text string, last JumpHost) string {
	extra := ""
	if i := strings.LastIndexByte(text, ','); i >= 0 {
		extra = text[:i+1]
	}
	if last.User != "" {
		extra += last.User + "@"
	}
	host := last.Host
	if strings.Contains(host, ":") || strings.Trim(host, "0123456789.") == "" {
		host = "[" + host + "]"
	}
	if last.Port > 0 {
		host += ":" + strconv.Itoa(last.Port)
	}
	return extra + host
}

// printed makes what ssh -G prints comparable: it names choices by their first
// word, and its defaults for keys are not ours to know.
func printed(values map[string][]string) map[string][]string {
	yesNo := map[string]string{"true": "yes", "false": "no"}
	for _, name := range []string{"stricthostkeychecking", "canonicalizehostname", "requesttty"} {
		if v := values[name]; len(v) == 1 && yesNo[v[0]] != "" {
			values[name] = []string{yesNo[v[0]]}
		}
	}
	levels := map[string]string{"DEBUG": "DEBUG1", "SILENT": "QUIET"}
	if v := values["loglevel"]; len(v) == 1 && levels[v[0]] != "" {
		values["loglevel"] = []string{levels[v[0]]}
	}
	if v := values["identityfile"]; len(v) > 0 && strings.Join(v, " ") == "~/.ssh/id_rsa ~/.ssh/id_ecdsa ~/.ssh/id_ecdsa_sk "+
		"~/.ssh/id_ed25519 ~/.ssh/id_ed25519_sk ~/.ssh/id_xmss ~/.ssh/id_dsa" {
		delete(values, "identityfile")
	}
	return values
}

// difference says where the two differ, "" for nowhere.
func (o *oracle) difference(q question) (diff string, failed bool, err error) {
	theirs, log, sshErr := o.theirs(q)
	var exit *exec.ExitError
	if sshErr != nil && !errors.As(sshErr, &exit) {
		return "", false, sshErr
	}
	settings, err := Evaluate(context.Background(), o.options(q))
	var values map[string][]string
	if err == nil {
		values, err = ours(settings, o.me.Username)
	}
	if (err == nil) != (sshErr == nil) {
		return fmt.Sprintf("error: ours %v, ssh %v %s", err, sshErr, log), sshErr != nil, nil
	}
	if err != nil {
		return placeDifference(err, log), true, nil
	}
	theirs = printed(theirs)
	if settings.BatchMode() && settings.Values("serveraliveinterval") == nil {
		theirs["serveraliveinterval"] = []string{"0"} // Debian's default is 300 then
	}
	var b strings.Builder
	for _, name := range compared {
		if a, z := strings.Join(values[name], "\n"), strings.Join(theirs[name], "\n"); a != z {
			fmt.Fprintf(&b, "%s: ours %q, ssh %q\n", name, a, z)
		}
	}
	return b.String(), false, nil
}

// placeDifference holds the file and line of an error against those ssh names
// first.
func placeDifference(err error, log string) string {
	m := regexp.MustCompile(`(?m)^(/\S+?):? line (\d+)`).FindStringSubmatch(log)
	var bad *ConfigError
	if m == nil || !errors.As(err, &bad) || bad.Origin.Path == "" {
		return ""
	}
	if got, want := fmt.Sprintf("%s:%d", bad.Origin.Path, bad.Origin.Line), m[1]+":"+m[2]; got != want {
		return fmt.Sprintf("place of the error: ours %s (%v), ssh %s (%s)", got, err, want, log)
	}
	return ""
}

func TestEvaluateAgainstSSH(t *testing.T) {
	o := newOracle(t)
	const configurations = 400
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU() + 1)
	type outcome struct {
		diff   string
		failed bool
	}
	outcomes := make([]outcome, configurations)
	questions := make([]question, configurations)
	root := t.TempDir()
	for i := range configurations {
		p := &configPool{random: rand.New(rand.NewPCG(1, uint64(i)))}
		dir := filepath.Join(root, strconv.Itoa(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, "inner.conf"), p.file())
		p.includes = []string{dir + "/inner.conf", dir + "/in*.conf", dir + "/missing", dir + "/[a-j]nner.con?"}
		writeFile(t, filepath.Join(dir, ".hidden.conf"), "User hidden\n")
		p.includes = append(p.includes, dir+"/*.conf")
		writeFile(t, filepath.Join(dir, "outer.inc"), p.file())
		p.includes = append(p.includes, dir+"/outer.inc")
		q := question{
			file: writeFile(t, filepath.Join(dir, "config"), p.file()),
			host: p.pick("web", "web", "web", "Web", "db", "db.example.org", "10.0.0.1", "127.1", "::1", "2001:DB8::0:1"),
		}
		for p.chance(25) {
			q.overrides = append(q.overrides, strings.TrimRight(p.setting(), "\n"))
		}
		if p.chance(10) {
			q.user = "alice"
		}
		if p.chance(10) {
			q.port = 2022
		}
		questions[i] = q
		g.Go(func() error {
			diff, failed, err := o.difference(q)
			outcomes[i] = outcome{diff, failed}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	failed, shown := 0, 0
	for i, out := range outcomes {
		if out.failed {
			failed++
		}
		if out.diff == "" {
			continue
		}
		if shown++; shown <= 5 {
			q := questions[i]
			t.Errorf("%d: host %s -o %q user %q port %d\n%s\n--- config\n%s--- outer\n%s--- inner\n%s", i, q.host, q.overrides, q.user, q.port, out.diff,
				read(t, q.file), read(t, filepath.Join(filepath.Dir(q.file), "outer.inc")), read(t, filepath.Join(filepath.Dir(q.file), "inner.conf")))
		}
	}
	if shown > 0 {
		t.Errorf("%d of %d differ", shown, configurations)
	}
	if failed < 30 || failed > configurations/2 {
		t.Errorf("%d of %d are errors: the generator says too little", failed, configurations)
	}
}

// TestEvaluateKnownDifferences has what kevinburke/ssh_config 1.6.0 reads
// unlike ssh, and what it reads like ssh.
func TestEvaluateKnownDifferences(t *testing.T) {
	o := newOracle(t)
	dir := t.TempDir()
	inner := writeFile(t, filepath.Join(dir, "inner.conf"), "User inner\n")
	for _, c := range []struct{ name, config, host string }{
		{"Match final all", "Match final all\n  User final\nHost *\n  Port 2222\n", "web"},
		{"Fedora's 50-redhat.conf", "Match final all\n    GSSAPIAuthentication yes\n    ForwardX11Trusted yes\n    SendEnv LANG LC_CTYPE\n", "web"},
		{"Match exec", "Match exec \"test %n = web\"\n  User exec\n", "web"},
		{"Match exec that fails", "Match exec false\n  User exec\n", "web"},
		{"Match originalhost", "Host web\n  HostName real\nMatch originalhost web\n  User a\nMatch host web\n  Port 1\n", "web"},
		{"Match user", "User alice\nMatch user alice\n  Port 2200\n", "web"},
		{"Match localuser", "Match localuser root,nobody\n  Port 2200\n", "web"},
		{"Match canonical", "CanonicalizeHostname yes\nMatch canonical\n  User canon\n", "web"},
		{"criteria are all needed", "Match host web user nobody\n  Port 1\n", "web"},
		{"Match host with a list", "Match host db,web\n  User a\n", "web"},
		{"Match is on HostName", "Host web\n  HostName db\nMatch host db\n  User a\n", "web"},
		{"question mark is one character", "Host web?\n  User a\n", "web"},
		{"quoted pattern", "Host \"web\"\n  User a\n", "web"},
		{"pattern behind a tab", "Host\tdb\tweb\n  User a\n", "web"},
		{"negation", "Host * !web\n  User a\n", "web"},
		{"# in a value", "ProxyCommand echo a#b\n", "web"},
		{"# behind a blank", "User a #b\n", "web"},
		{"quotes with #", "User \"a #b\"\n", "web"},
		{"minutes", "ConnectTimeout 1m\n", "web"},
		{"no time", "ConnectTimeout none\n", "web"},
		{"YES", "IdentitiesOnly YES\n", "web"},
		{"ForwardAgent with a socket", "ForwardAgent /run/agent\nUser a\n", "web"},
		{"default keys", "User a\n", "web"},
		{"several keys", "IdentityFile a\nHost web\nIdentityFile b\nIdentityFile a\n", "web"},
		{"SetEnv", "SetEnv A=1 \"B=2 3\"\nSetEnv C=4\n", "web"},
		{"SendEnv adds up", "SendEnv A B\nSendEnv C\nSendEnv -B\n", "web"},
		{"Include in quotes", "Include \"" + inner + "\"\n", "web"},
		{"Include with a glob", "Include " + dir + "/*.conf\n", "web"},
		{"Include in a block", "Host db\nInclude " + inner + "\nHost *\nPort 4\n", "web"},
		{"tokens", "HostName %h.example.org\nUserKnownHostsFile ~/%h-%p-%r-%n-%k-%%-%u-%d-%i-%L-%l-%C\n", "Web"},
		{"tilde", "UserKnownHostsFile ~/a ~root/b\nIdentityFile ~/c\n", "web"},
		{"CRLF", "Host web\r\n  User a\r\n", "web"},
		{"key=value", "Host=web\nUser = a\nPort=\t7\n", "web"},
		{"first wins", "User a\nUser b\nHost *\nUser c\n", "web"},
		{"IgnoreUnknown", "IgnoreUnknown Use*\nUseSomething yes\nUser a\n", "web"},
		{"unknown keyword", "UseSomething yes\n", "web"},
		{"no end of line", "User a", "web"},
		{"only a jump", "ProxyJump a,b@c:3\n", "web"},
		{"loop", "Host *\nProxyJump web\n", "web"},
		{"no loop by another user", "Host *\nProxyJump x@web\n", "web"},
		{"no loop by another port", "Host *\nPort 7\nProxyJump web\n", "web"},
		{"single quotes", "User 'a b'\nSetEnv 'A=\"x\"'\n", "web"},
		{"escapes", `SetEnv A=\"x\" B=a\ b C='\'' "D=a\ b" E=\x` + "\n", "web"},
		{"unclosed quote on the keyword", "\"User a\nPort 7\n", "web"},
		{"too many keys", strings.Repeat("IdentityFile x\n", 99) + "IdentityFile %n1\nIdentityFile %n2\n", "web"},
		{"101 keys", numbered("IdentityFile k%d\n", 101), "web"},
		{"100 keys", numbered("IdentityFile k%d\n", 100), "web"},
		{"33 known_hosts files", "UserKnownHostsFile " + numbered("k%d ", 33) + "\n", "web"},
		{"32 known_hosts files", "UserKnownHostsFile " + numbered("k%d ", 32) + "\n", "web"},
		{"33 known_hosts files too late", "UserKnownHostsFile k\nUserKnownHostsFile " + numbered("k%d ", 33) + "\n", "web"},
		{"jump by URI", "ProxyJump ssh://a@b_c.d:7/\n", "web"},
		{"jump by URI to an address in brackets", "ProxyJump ssh://[::1]\n", "web"},
		{"jump by URI to no name", "ProxyJump ssh://-b\n", "web"},
		{"jump by URI with two dots", "ProxyJump ssh://b..c\n", "web"},
		{"jump by URI with parameters", "ProxyJump ssh://a;x=y@b\n", "web"},
		{"jump by URI with an encoded user", "ProxyJump ssh://a%20b@c\n", "web"},
		{"jump by URI with a path", "ProxyJump ssh://a@b/c\n", "web"},
		{"jump by URI with a port and a path", "ProxyJump ssh://a@b:7/c\n", "web"},
		{"algorithm of odd characters", "HostKeyAlgorithms ssh-rsa,=x\n", "web"},
		{"time that is too long", "ConnectTimeout 3551w\n", "web"},
		{"longest time in weeks", "ConnectTimeout 3550w\n", "web"},
		{"address of another family", "AddressFamily inet\nHostName ::0001\n", "web"},
		{"Include of itself", "Include " + filepath.Join(dir, "config") + "\n", "web"},
	} {
		q := question{file: writeFile(t, filepath.Join(dir, "config"), c.config), host: c.host}
		diff, _, err := o.difference(q)
		if err != nil {
			t.Fatal(err)
		}
		if diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

// TestEvaluateTheRealFiles reads this machine's own configuration.
func TestEvaluateTheRealFiles(t *testing.T) {
	o := newOracle(t)
	q := question{host: "web"}
	theirs, log, err := o.theirs(q)
	if err != nil {
		t.Fatal(err, log)
	}
	options := o.options(q)
	options.UserFile = filepath.Join(o.me.HomeDir, ".ssh", "config")
	options.SystemFile = "/etc/ssh/ssh_config"
	settings, err := Evaluate(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	values, err := ours(settings, o.me.Username)
	if err != nil {
		t.Fatal(err)
	}
	theirs = printed(theirs)
	for _, name := range compared {
		if a, z := strings.Join(values[name], "\n"), strings.Join(theirs[name], "\n"); a != z {
			t.Errorf("%s: ours %q, ssh %q", name, a, z)
		}
	}
}

func TestPermissionsAgainstSSH(t *testing.T) {
	o := newOracle(t)
	dir := t.TempDir()
	inner := writeFile(t, filepath.Join(dir, "inner"), "User a\n")
	outer := writeFile(t, filepath.Join(dir, "outer"), "Include "+inner+"\n")
	refused := 0
	for _, uid := range []int{o.uid, 1, 65534} {
		if uid != o.uid && o.uid != 0 {
			continue // only root can give a file away
		}
		for _, gid := range []int{os.Getgid(), 1, 65534} {
			if gid != os.Getgid() && o.uid != 0 {
				continue
			}
			for _, mode := range []os.FileMode{0o600, 0o640, 0o644, 0o660, 0o664, 0o602, 0o666} {
				if err := os.Chown(inner, uid, gid); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(inner, mode); err != nil {
					t.Fatal(err)
				}
				diff, failed, err := o.difference(question{file: outer, host: "web"})
				if err != nil {
					t.Fatal(err)
				}
				if diff != "" {
					t.Errorf("uid %d gid %d mode %o: %s", uid, gid, mode, diff)
				}
				if failed {
					refused++
				}
			}
		}
	}
	if refused == 0 {
		t.Error("no file was refused")
	}
}

// numbered repeats a line with the numbers from 1 to n.
func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i+1)
	}
	return b.String()
}
