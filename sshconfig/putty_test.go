package sshconfig

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

var webSession = PuTTYSession{
	Host: "198.51.100.17", Port: 22, User: "debian", KeyFile: "/home/anna/.ssh/work.ppk",
	HostKeys:     []string{"SHA256:ksro1B8MKvZqayV8CimZCgGNPqY5ncND/Rs1wtgJlnM", "SHA256:iRNCWLeasqTqhodjqUKD18drImxJ7LS4C9htbd21QIE"},
	HostKeyTypes: []string{"ecdsa-sha2-nistp256", "ssh-rsa"}, HostKeyAlias: "openstack-1",
}

const webLines = `HostName=198.51.100.17
PortNumber=22
Protocol=ssh
UserName=debian
PublicKeyFile=/home/anna/.ssh/work.ppk
LogHost=openstack-1
SSHManualHostKeys=SHA256:ksro1B8MKvZqayV8CimZCgGNPqY5ncND/Rs1wtgJlnM,SHA256:iRNCWLeasqTqhodjqUKD18drImxJ7LS4C9htbd21QIE
HostKey=ecdsa,rsa,WARN,ed25519,ed448,dsa
`

func TestPuTTYSessionMerge(t *testing.T) {
	bare := PuTTYSession{Host: "2001:db8::1", Port: 2222, User: "root"}
	const bareLines = "HostName=2001:db8::1\nPortNumber=2222\nProtocol=ssh\nUserName=root\n"
	for _, c := range []struct {
		name, old, want string
		session         PuTTYSession
	}{
		{"new", "", webLines, webSession},
		{"rewritten", webLines, webLines, webSession},
		{"another server", strings.ReplaceAll(webLines, "1", "9"), webLines, webSession},
		{"twice there", webLines + webLines, webLines, webSession},
		{"unset goes", webLines, bareLines, bare},
		{"foreign stay", "Font=server:fixed\nUserName=x\nno setting\nUserNameFromEnvironment=1\r\n=\n", bareLines + "Font=server:fixed\nno setting\nUserNameFromEnvironment=1\r\n=\n", bare},
		{"no last newline", "Font=server:fixed", bareLines + "Font=server:fixed\n", bare},
	} {
		got, err := c.session.Merge([]byte(c.old))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, err, got, c.want)
		}
	}
}

func TestPuTTYSessionRefusesLines(t *testing.T) {
	for key, session := range map[string]PuTTYSession{
		"HostName":          {Host: "web\nProxyMethod=5"},
		"UserName":          {User: "root\r"},
		"PublicKeyFile":     {KeyFile: "/home/anna/a\nb"},
		"LogHost":           {HostKeyAlias: "\x00"},
		"SSHManualHostKeys": {HostKeys: []string{"SHA256:a,SHA256:b"}},
	} {
		var refused *PuTTYValueError
		if _, err := session.Merge(nil); !errors.As(err, &refused) || refused.Key != key {
			t.Errorf("%s: %v", key, err)
		}
		if _, err := session.Registry("osssh-web"); !errors.As(err, &refused) || refused.Key != key {
			t.Errorf("%s in the registry: %v", key, err)
		}
	}
}

func TestPuTTYHostKeyOrder(t *testing.T) {
	for want, types := range map[string]string{
		"":                                 "",
		"ed25519,WARN,ed448,ecdsa,rsa,dsa": "ssh-ed25519",
		"rsa,ed25519,WARN,ed448,ecdsa,dsa": "ssh-rsa ssh-ed25519 ssh-rsa",
		"ecdsa,WARN,ed25519,ed448,rsa,dsa": "ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521 ssh-unknown",
		"ed448,ed25519,ecdsa,rsa,WARN,dsa": "ssh-ed448 ssh-ed25519 ecdsa-sha2-nistp256 ssh-rsa",
	} {
		if got := puttyHostKeyOrder(strings.Fields(types)); got != want {
			t.Errorf("%q: %s, want %s", types, got, want)
		}
	}
}

func TestPuTTYNames(t *testing.T) {
	for _, c := range [][3]string{
		{"osssh-web", "osssh-web", "osssh-web"},
		{"Default Settings", "Default%20Settings", "Default%20Settings"},
		{"a/b\\c", "a%2Fb%5Cc", "a/b%5Cc"},
		{"100% *?", "100%25%20%2A%3F", "100%25%20%2A%3F"},
		{".web.a", ".web.a", "%2Eweb.a"},
		{"+-.@_~", "+-.@_%7E", "+-.@_~"},
		{"ü", "%C3%BC", "%C3%BC"},
		{"\n\x7f\xff", "%0A%7F%FF", "%0A%7F%FF"},
	} {
		if unix, windows := PuTTYFileName(c[0]), PuTTYRegistryName(c[0]); unix != c[1] || windows != c[2] {
			t.Errorf("%q: %s and %s, want %s and %s", c[0], unix, windows, c[1], c[2])
		}
	}
}

func FuzzPuTTYNames(f *testing.F) {
	f.Add("osssh-web")
	f.Add("../ü %25\x00")
	f.Fuzz(func(t *testing.T, name string) {
		for _, escaped := range []string{PuTTYFileName(name), PuTTYRegistryName(name)} {
			if back := unescapePuTTY(escaped); back != name {
				t.Errorf("%q is written as %q, which is %q", name, escaped, back)
			}
			if strings.ContainsFunc(escaped, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
				t.Errorf("%q is written as %q", name, escaped)
			}
		}
		if strings.ContainsRune(PuTTYFileName(name), '/') {
			t.Errorf("%q leaves the directory", name)
		}
	})
}

// unescapePuTTY reads a name as PuTTY does.
func unescapePuTTY(s string) string {
	var name []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			c = byte(strings.IndexByte("0123456789ABCDEF", s[i+1])<<4 | strings.IndexByte("0123456789ABCDEF", s[i+2]))
			i += 2
		}
		name = append(name, c)
	}
	return string(name)
}

func TestPuTTYRegistry(t *testing.T) {
	session := PuTTYSession{Host: "198.51.100.17", Port: 2222, User: "debian", KeyFile: `C:\Users\Anna "A"\work.ppk`}
	content, err := session.Registry("osssh-web 1")
	if err != nil {
		t.Fatal(err)
	}
	var units []uint16
	for i := 0; i < len(content); i += 2 {
		units = append(units, binary.LittleEndian.Uint16(content[i:]))
	}
	const want = "\ufeffWindows Registry Editor Version 5.00\r\n\r\n" +
		`[HKEY_CURRENT_USER\Software\SimonTatham\PuTTY\Sessions\osssh-web%201]` + "\r\n" +
		`"HostName"="198.51.100.17"` + "\r\n" +
		`"PortNumber"=dword:000008ae` + "\r\n" +
		`"Protocol"="ssh"` + "\r\n" +
		`"UserName"="debian"` + "\r\n" +
		`"PublicKeyFile"="C:\\Users\\Anna \"A\"\\work.ppk"` + "\r\n" +
		`"LogHost"=-` + "\r\n" + `"SSHManualHostKeys"=-` + "\r\n" + `"HostKey"=-` + "\r\n\r\n"
	if got := string(utf16.Decode(units)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for _, name := range []string{"", "osssh-ü", strings.Repeat("a", maxPuTTYName+1)} {
		var unfit *PuTTYNameError
		if _, err := session.Registry(name); !errors.As(err, &unfit) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestPuTTYSessionDir asks plink itself where it looks for sessions.
func TestPuTTYSessionDir(t *testing.T) {
	plink, err := exec.LookPath("plink")
	if err != nil {
		t.Fatal("plink (putty-tools) is needed: ", err)
	}
	home := t.TempDir()
	xdg, none := filepath.Join(home, "xdg"), filepath.Join(home, "none")
	for _, c := range []struct {
		name   string
		dirs   string // that exist, in home
		places PuTTYPlaces
		want   string
	}{
		{"nothing there", "", PuTTYPlaces{}, ".putty/sessions"},
		{"old", ".putty", PuTTYPlaces{}, ".putty/sessions"},
		{"both", ".putty .config/putty", PuTTYPlaces{}, ".config/putty/sessions"},
		{"XDG", ".putty .config/putty xdg/putty", PuTTYPlaces{ConfigHome: xdg}, "xdg/putty/sessions"},
		{"XDG without PuTTY's", ".putty .config/putty", PuTTYPlaces{ConfigHome: none}, ".putty/sessions"},
		{"PUTTYDIR", ".config/putty", PuTTYPlaces{Dir: none}, "none/sessions"},
		{"PUTTYSESSIONS", ".config/putty", PuTTYPlaces{Dir: xdg, Sessions: none}, "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, dir := range []string{".putty", ".config", "xdg", "none"} {
				if err := os.RemoveAll(filepath.Join(home, dir)); err != nil {
					t.Fatal(err)
				}
			}
			for _, dir := range strings.Fields(c.dirs) {
				if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			c.places.Home = home
			dir := c.places.SessionDir()
			if dir != filepath.Join(home, c.want) {
				t.Errorf("%s, want %s", dir, c.want)
			}
			// A port that nobody listens on: plink says where it goes.
			const name = "osssh-ü/../%~ x"
			if err := WritePuTTYSession(dir, name, PuTTYSession{Host: "127.0.0.1", Port: 1, User: "x"}); err != nil {
				t.Fatal(err)
			}
			run := exec.Command(plink, "-v", "-batch", "-load", name)
			run.Env = []string{"HOME=" + home}
			for variable, value := range map[string]string{
				"PUTTYSESSIONS": c.places.Sessions, "PUTTYDIR": c.places.Dir, "XDG_CONFIG_HOME": c.places.ConfigHome,
			} {
				if value != "" {
					run.Env = append(run.Env, variable+"="+value)
				}
			}
			if said, _ := run.CombinedOutput(); !strings.Contains(string(said), "Connecting to 127.0.0.1 port 1") {
				t.Errorf("plink does not find the session: %s", said)
			}
		})
	}
}

func TestWritePuTTYSession(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sessions")
	put := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	holds := func(path, want string, mode os.FileMode) {
		t.Helper()
		content, err := os.ReadFile(path)
		if err != nil || string(content) != want {
			t.Errorf("%v\n%s\nwant\n%s", err, content, want)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%v, mode %v", err, info.Mode())
		}
	}
	if err := WritePuTTYSession(dir, "osssh-web", webSession); err != nil {
		t.Fatal(err)
	}
	holds(filepath.Join(dir, "osssh-web"), webLines, 0o600)

	// A new one begins as the user's defaults, one that is there does not.
	put("Default%20Settings", "Font=server:fixed\nHostName=old\n", 0o600)
	for _, name := range []string{"osssh-web", "osssh-new"} {
		if err := WritePuTTYSession(dir, name, webSession); err != nil {
			t.Fatal(err)
		}
	}
	holds(filepath.Join(dir, "osssh-web"), webLines, 0o600)
	holds(filepath.Join(dir, "osssh-new"), webLines+"Font=server:fixed\n", 0o600)

	// The mode and a link stay.
	kept := put("kept", "Font=x\n", 0o640)
	if err := os.Symlink(kept, filepath.Join(dir, "osssh-link")); err != nil {
		t.Fatal(err)
	}
	if err := WritePuTTYSession(dir, "osssh-link", webSession); err != nil {
		t.Fatal(err)
	}
	holds(kept, webLines+"Font=x\n", 0o640)
	if _, err := os.Readlink(filepath.Join(dir, "osssh-link")); err != nil {
		t.Error(err)
	}

	// What cannot be kept leaves nothing behind.
	var unfit *PuTTYNameError
	if err := WritePuTTYSession(dir, strings.Repeat("ü", 40), webSession); !errors.As(err, &unfit) {
		t.Error(err)
	}
	var large *TooLargeError
	if err := os.Truncate(put("osssh-large", "", 0o600), maxKnownHostsFile+1); err != nil {
		t.Fatal(err)
	}
	if err := WritePuTTYSession(dir, "osssh-large", webSession); !errors.As(err, &large) {
		t.Error(err)
	}
	if err := WritePuTTYSession(dir, "osssh-bad", PuTTYSession{Host: "\n"}); err == nil {
		t.Error("written")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 6 {
		t.Errorf("%v, %v", entries, err)
	}
}
