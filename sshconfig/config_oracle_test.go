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

// configPool makes configurations.
type configPool struct {
	random   *rand.Rand
	includes []string
}

func (p *configPool) pick(of ...string) string { return of[p.random.IntN(len(of))] }

func (p *configPool) chance(percent int) bool { return p.random.IntN(100) < percent }

func (p *configPool) pattern() string {
	return p.pick("web", "web", "Web", "*", "*", "w*", "?eb", "w??", "*.example.org", "db.example.org", "10.0.0.*", "db", "!db", "!web", "!*.org",
		"127.*", "w*b", "**", "web?", "::1", "*:*")
}

func (p *configPool) host() string {
	patterns := []string{p.pattern()}
	for p.chance(35) {
		patterns = append(patterns, p.pattern())
	}
	for i := range patterns {
		if p.chance(10) {
			patterns[i] = `"` + patterns[i] + `"`
		}
	}
	return p.keyword("Host") + strings.Join(patterns, p.pick(" ", " ", "\t", "  "))
}

func (p *configPool) criterion() string {
	not := p.pick("", "", "", "", "!")
	list := func() string {
		l := p.pattern()
		for p.chance(30) {
			l += "," + p.pattern()
		}
		return l
	}
	arg := p.pick(" ", " ", " ", "=", "\t", " = ")
	switch p.random.IntN(8) {
	case 0, 1:
		return not + p.pick("host", "Host") + arg + list()
	case 2:
		return not + "originalhost" + arg + list()
	case 3:
		return not + "user" + arg + p.pick("alice", "root", "a*,!adam", "*", "al?ce,bob")
	case 4:
		return not + "localuser" + arg + p.pick("root", "nobody", "*", "!root,*")
	case 5:
		return not + "exec" + arg + p.pick("true", "false", `"test %h = web"`, `"test %n = web"`, `"test %p = 22"`, `"test %r = alice"`,
			`"test %u = root -a 100%% = 100%%"`, `"test x%k = xweb"`, `"test -n '%l' -a -n '%C' -a '%d' = /root -a %i = 0"`, `"exit 3"`)
	case 6:
		return not + "final"
	}
	return not + "canonical"
}

func (p *configPool) match() string {
	if p.chance(25) {
		return p.keyword("Match") + p.pick("all", "All", "!all", "final all", "canonical all", `all # comment`)
	}
	criteria := []string{p.criterion()}
	for p.chance(35) {
		criteria = append(criteria, p.criterion())
	}
	return p.keyword("Match") + strings.Join(criteria, p.pick(" ", "  ", "\t")) + p.pick("", "", " # comment")
}

// keyword writes a keyword in one of the ways that the grammar admits.
func (p *configPool) keyword(name string) string {
	lead := p.pick("", "", "    ", "\t", " \t")
	if p.chance(15) {
		name = p.pick(strings.ToLower(name), strings.ToUpper(name), `"`+name+`"`)
	}
	return lead + name + p.pick(" ", " ", " ", " ", "=", " = ", "\t", "  ", "= ")
}

// quote writes an argument in one of the ways that the grammar admits.
func (p *configPool) quote(s string) string {
	if strings.ContainsAny(s, " #'\"\\") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	return p.pick(s, s, s, s, `"`+s+`"`, "'"+s+"'")
}

func (p *configPool) word() string {
	return p.pick("alice", "bob", "x#y", "a b", `q"q`, "ümlaut", `back\slash`, "it's", "100", "none")
}

func (p *configPool) path() string {
	return p.pick("~/.ssh/a", "~/b", "~", "/keys/c", "/keys/%h", "~/%r@%h:%p", "/k/%n-%%", "${KEYS}/d", "/e/${EMPTY}x", "~root/f", "g", "none", "/h#i", "/%u%L%l%d%C%k%i")
}

func (p *configPool) flag() string { return p.pick("yes", "no", "true", "false", "YES", "No") }

func (p *configPool) many(word func() string) string {
	words := []string{p.quote(word())}
	for p.chance(40) {
		words = append(words, p.quote(word()))
	}
	return strings.Join(words, p.pick(" ", "\t", "  "))
}

func (p *configPool) jumpHost() string {
	return p.pick("", "", "jim@", "a.b@") + p.pick("jump", "jump.example.org", "[2001:db8::9]", "192.168.7.7", "[jump]") + p.pick("", "", ":2200", ":22")
}

func (p *configPool) algorithms() string {
	return p.pick("", "", "+", "-", "^") + p.pick("ssh-ed25519", "ssh-rsa", "ssh-rsa,ssh-dss", "ecdsa-*", "rsa-sha2-*,ssh-ed25519", "*cert*",
		"ssh-ed25519,ssh-ed25519", "ssh-?d25519*")
}

func (p *configPool) time() string {
	return p.pick("0", "1", "10", "30s", "1m", "1h30m", "2M3s", "1d", "1w", "none", "90")
}

// setting is one line that sets something.
func (p *configPool) setting() string {
	comment := p.pick("", "", "", " # comment", "\t#c", " ")
	line := func(name, args string) string { return p.keyword(name) + args + comment }
	switch p.random.IntN(34) {
	case 0, 1:
		return line("User", p.quote(p.word()))
	case 2:
		return line("HostName", p.quote(p.pick("10.9.8.7", "%h.example.org", "Real.Example.ORG", "100%%", "127.1", "::0001", "0x7f.1", "1.2.3.4.5")))
	case 3:
		return line("Port", p.quote(p.pick("22", "2222", "65535", "ssh")))
	case 4, 5, 6:
		return line(p.pick("IdentityFile", "IdentityFile", "IdentityFile2"), p.quote(p.path()))
	case 7:
		return line("CertificateFile", p.quote(p.path()))
	case 8:
		return line("IdentitiesOnly", p.flag())
	case 9:
		return line("IdentityAgent", p.quote(p.pick("none", "SSH_AUTH_SOCK", "$AGENT", "/run/agent-%r", "~/agent", "${KEYS}/agent")))
	case 10:
		return line("ProxyJump", p.pick(p.jumpHost()+" x", p.jumpHost(), p.jumpHost()+","+p.jumpHost(), "ssh://jim@jump:99", "ssh://jump", p.jumpHost()+","+p.jumpHost()+","+p.jumpHost()))
	case 11:
		return line("ProxyCommand", p.pick("none", "nc %h %p", `sh -c "a 'b' #c"`, "echo a#b", "= x=y", "/bin/x -W %h:%p %r@%n"))
	case 12, 13:
		return line("SendEnv", p.many(func() string { return p.pick("LANG", "LC_*", "A?", "-LC_*", "-*", "FOO", "-LANG") }))
	case 14, 15:
		return line("SetEnv", p.many(func() string { return p.pick("A=1", "B=two words", "A=3", "C=", "D=x=y", "E='q'", "F=100%%") }))
	case 16:
		return line("ConnectTimeout", p.time())
	case 17:
		return line("HostKeyAlias", p.quote(p.pick("Alias", "alias-%h", "openstack-1")))
	case 18:
		return line("HostKeyAlgorithms", p.algorithms())
	case 19:
		return line("StrictHostKeyChecking", p.pick("yes", "no", "ask", "off", "accept-new", "true", "FALSE", "Accept-New"))
	case 20, 21:
		return line("UserKnownHostsFile", p.many(p.somePath))
	case 22:
		return line("GlobalKnownHostsFile", p.many(p.somePath))
	case 23:
		return line("BatchMode", p.flag())
	case 24:
		return line("LogLevel", p.pick("quiet", "FATAL", "Error", "info", "VERBOSE", "debug", "DEBUG1", "debug2", "debug3"))
	case 25:
		return line("AddressFamily", p.pick("any", "inet", "INET6"))
	case 26:
		return line("HashKnownHosts", p.flag())
	case 27:
		return line("ServerAliveInterval", p.time())
	case 28:
		return p.pick("ProxyJump none", "proxyjump=None", "RequestTTY force", "Compression yes", "BindAddress 10.1.1.1", "PreferredAuthentications publickey", "ServerAliveCountMax 7",
			"RemoteCommand echo 'x' # y", "ControlPath ~/c-%C", "CheckHostIP no", "LocalForward 8080 localhost:80", "Ciphers aes128-ctr")
	case 29:
		return p.pick("KeepAlive yes", "Protocol 2", "UseRoaming no", "RhostsAuthentication yes", "Cipher 3des", "ChallengeResponseAuthentication no") + comment
	case 30:
		return line("CanonicalizeHostname", p.pick("yes", "no", "always"))
	case 31:
		return "IgnoreUnknown Fancy*,other"
	case 32:
		return p.pick("FancyOption yes", "fancyfoo \"a b\" c", "OTHER x") + comment
	}
	return p.pick("", "# comment", "  # indented = \"comment", "\t", "\f")
}

// somePath is a path that is not "none", which is only good alone.
func (p *configPool) somePath() string {
	for {
		if path := p.path(); path != "none" {
			return path
		}
	}
}

// spoil puts a character that the grammar knows where it may not belong.
func (p *configPool) spoil(line string) string {
	if regexp.MustCompile(`(?i)match|include|hostkeyalgo|forward|ciphers|bindaddress|protocol|requesttty|keepalive|challenge|remotecommand`).MatchString(line) {
		return line // not a line whose every mistake is ours to find
	}
	i := p.random.IntN(len(line) + 1)
	return line[:i] + p.pick(`"`, `'`, `\`, "#", "=", " ", "\t", ",", "!", "*", "?", "%", "%%", "${", "$", "~", "@", ":", "[", "\f", "\r") + line[i:]
}

// mistake is a line that ssh does not take.
func (p *configPool) mistake() string {
	return p.pick("Bogus yes", "User", "User a b", `User "a`, "Port 0", "Port 99999", "Port x", "IdentitiesOnly maybe", "ConnectTimeout 5x", "Host web \"\"",
		"Match", "Match host", "Match nonsense x", "Match all host web", "Match host web all user x", "LogLevel loud", "SetEnv A", "SendEnv A=b", "ProxyJump a:b", "ProxyJump @a",
		"UserKnownHostsFile none a", "HostKeyAlgorithms nonsense", "HostName", "StrictHostKeyChecking never", "IdentityAgent ${NOT_SET}", "IdentityAgent $a-b",
		"HostName %x", `Match exec "test %z"`, "User=", "ProxyJump [a", "AddressFamily inet7", "ServerAliveCountMax -1", "ServerAliveCountMax 1x", "SetEnv", "IdentityFile",
		"ProxyJump a,,b", `User "a"b c`)
}

func (p *configPool) file() string {
	var b strings.Builder
	mistaken, spoilt := p.chance(4), p.chance(8)
	for range 3 + p.random.IntN(18) {
		line := ""
		switch r := p.random.IntN(100); {
		case r < 12:
			line = p.host()
		case r < 26:
			line = p.match()
		case r < 34 && len(p.includes) > 0:
			line = p.keyword("Include") + p.many(func() string { return p.pick(p.includes...) })
		default:
			line = p.setting()
		}
		if spoilt && p.chance(10) {
			line = p.spoil(line)
		}
		b.WriteString(line + p.pick("\n", "\n", "\n", "\n", "\r\n", " \n"))
		if mistaken && p.chance(10) {
			b.WriteString(p.mistake() + "\n")
		}
	}
	return b.String()
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
