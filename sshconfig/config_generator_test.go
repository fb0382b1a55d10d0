package sshconfig

import (
	"math/rand/v2"
	"regexp"
	"strings"
)

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
