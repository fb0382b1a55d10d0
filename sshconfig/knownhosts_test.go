package sshconfig

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestHostName(t *testing.T) {
	for _, c := range []struct {
		host string
		port int
		want string
	}{
		{"web", 22, "web"},
		{"web", 0, "web"},
		{"web", 2222, "[web]:2222"},
		{"2001:db8::1", 22, "2001:db8::1"},
		{"2001:db8::1", 2222, "[2001:db8::1]:2222"},
	} {
		if got := HostName(c.host, c.port); got != c.want {
			t.Errorf("HostName(%q, %d) = %q, want %q", c.host, c.port, got, c.want)
		}
	}
}

func TestBadLinesHideOnlyThemselves(t *testing.T) {
	key := newKey(t, ssh.KeyAlgoED25519)
	good := key.text()
	blob := strings.Fields(good)[1]
	bad := []struct {
		line string
		want error
	}{
		{"web", ErrTruncated},
		{"web ssh-ed25519", ErrTruncated},
		{"web # " + good, ErrTruncated},
		{"@revoked\tweb " + good, ErrMarker},
		{"@nonsense web " + good, ErrMarker},
		{"@revoked @cert-authority web " + good, ErrMarker},
		{"|1|AAAA|AAAA " + good, ErrNameHash},
		{"|2|x " + good, ErrNameHash},
		{"web ssh-ed25519 !!!!", ErrKeyEncoding},
		{"web ecdsa-sha2-nistp256 " + blob, ErrKeyMismatched},
		{"web " + strings.Repeat("x", maxKnownHostsLine), ErrLineTooLong},
	}
	var content strings.Builder
	for _, b := range bad {
		content.WriteString(b.line + "\nweb " + good + "\n\n# a comment\n")
	}
	content.WriteString("web ssh-quantum " + blob + "\n")
	k, problems := parse(t, content.String())
	if got := len(k.Lookup("web").Keys); got != len(bad) {
		t.Errorf("%d good lines of %d are left", got, len(bad))
	}
	if len(problems) != len(bad)+1 {
		t.Fatalf("%d problems, want %d", len(problems), len(bad)+1)
	}
	for i, b := range bad {
		if !errors.Is(problems[i], b.want) || problems[i].Line != 4*i+1 || problems[i].Path != "kh" {
			t.Errorf("%.40q: %v, want %v", b.line, problems[i], b.want)
		}
	}
	var unknown *UnknownKeyTypeError
	if !errors.As(problems[len(bad)], &unknown) || unknown.Type != "ssh-quantum" {
		t.Errorf("unknown type: %v", problems[len(bad)])
	}
}

func TestLookupSortsByMarkerAndKeepsOrigin(t *testing.T) {
	host, ca, bad := newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoRSA)
	k, problems := parse(t, "@cert-authority *.example "+ca.text()+" our CA\n"+
		"web.example "+host.text()+" first  comment\r\n"+
		"@revoked * "+bad.text()+"\n")
	if len(problems) != 0 {
		t.Fatal(problems)
	}
	got := k.Lookup("web.example")
	want := Known{
		Keys:    []Line{{host.public(), "kh", 2, "first  comment"}},
		CAs:     []Line{{ca.public(), "kh", 1, "our CA"}},
		Revoked: []Line{{bad.public(), "kh", 3, ""}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if got := k.Lookup("other.example", "web.example"); len(got.CAs) != 1 || len(got.Keys) != 1 {
		t.Errorf("two names: %v", got)
	}
}

func TestNamesOf(t *testing.T) {
	mine, other := newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoED25519)
	k, _ := parse(t, "a,b,!c,*.d "+mine.text()+"\n"+
		"e "+other.text()+"\n"+
		"@revoked f "+mine.text()+"\n"+
		"@cert-authority g "+mine.text()+"\n"+
		"|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= "+mine.text()+"\n"+
		"b,h "+mine.text()+"\n")
	if got, want := k.NamesOf(mine.public()), []string{"a", "b", "h"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheck(t *testing.T) {
	host, other, rsaKey := newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoRSA)
	ca := newKey(t, ssh.KeyAlgoED25519)
	now := time.Unix(1_700_000_000, 0)
	cert := func(change func(*ssh.Certificate)) ssh.PublicKey { return hostCert(t, host, ca, change) }
	tampered := hostCert(t, host, ca, nil)
	tampered.KeyId = "changed after signing"

	const unknown, changed, revokedKey = "unknown", "changed", "revoked"
	for _, c := range []struct {
		name, lines string
		key         ssh.PublicKey
		want        string // or the number of the line
	}{
		{"equal", "web " + host.text(), host.public(), "1"},
		{"second line", "web " + other.text() + "\nweb " + host.text(), host.public(), "2"},
		{"nothing known", "db " + host.text(), host.public(), unknown},
		{"another key", "web " + other.text(), host.public(), changed},
		{"another type", "web " + rsaKey.text(), host.public(), changed},
		{"revoked", "web " + host.text() + "\n@revoked * " + host.text(), host.public(), revokedKey},
		{"another is revoked", "web " + host.text() + "\n@revoked * " + other.text(), host.public(), "1"},
		{"revoked elsewhere", "web " + host.text() + "\n@revoked db " + host.text(), host.public(), "1"},
		{"certificate", "@cert-authority * " + ca.text(), cert(nil), "1"},
		{"certificate of its name", "@cert-authority * " + ca.text(),
			cert(func(c *ssh.Certificate) { c.ValidPrincipals = []string{"db", "web"} }), "1"},
		{"certificate of another name", "@cert-authority * " + ca.text(),
			cert(func(c *ssh.Certificate) { c.ValidPrincipals = []string{"db"} }), unknown},
		{"expired certificate", "@cert-authority * " + ca.text(),
			cert(func(c *ssh.Certificate) { c.ValidBefore = uint64(now.Unix()) }), unknown},
		{"certificate from tomorrow", "@cert-authority * " + ca.text(),
			cert(func(c *ssh.Certificate) { c.ValidAfter = uint64(now.Unix()) + 1 }), unknown},
		{"user certificate", "@cert-authority * " + ca.text(),
			cert(func(c *ssh.Certificate) { c.CertType = ssh.UserCert }), unknown},
		{"critical option", "@cert-authority * " + ca.text(),
			cert(func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"force-command": "x"} }), unknown},
		{"certificate signed with SHA-1", "@cert-authority * " + rsaKey.text(), hostCertBy(t, host, sha1Signer(t, rsaKey), nil), unknown},
		{"certificate signed with SHA-2 by RSA", "@cert-authority * " + rsaKey.text(), hostCert(t, host, rsaKey, nil), "1"},
		{"tampered certificate", "@cert-authority * " + ca.text(), tampered, unknown},
		{"expired certificate of a known key", "@cert-authority * " + ca.text() + "\nweb " + host.text(),
			cert(func(c *ssh.Certificate) { c.ValidBefore = 1 }), "2"},
		{"certificate of another authority", "@cert-authority * " + other.text(), cert(nil), unknown},
		{"certificate, no CA line, key known", "web " + host.text(), cert(nil), "1"},
		{"certificate, no CA line, other key", "web " + other.text(), cert(nil), changed},
		{"revoked authority", "@cert-authority * " + ca.text() + "\n@revoked * " + ca.text(), cert(nil), revokedKey},
		{"revoked certified key", "@cert-authority * " + ca.text() + "\n@revoked * " + host.text(), cert(nil), revokedKey},
		{"the CA's own key", "@cert-authority * " + ca.text(), ca.public(), unknown},
		{"plain key where a CA is known", "@cert-authority * " + ca.text(), host.public(), unknown},
	} {
		k, problems := parse(t, c.lines+"\n")
		if len(problems) != 0 {
			t.Fatal(c.name, problems)
		}
		line, err := k.Lookup("web").Check(c.key, "web", now)
		if got := verdict(line, err); got != c.want {
			t.Errorf("%s: %s (%v), want %s", c.name, got, err, c.want)
		}
	}
}

// verdict is the number of the line that vouches, or why none does.
func verdict(line Line, err error) string {
	var unknown *UnknownKeyError
	var changed *ChangedKeyError
	var revoked *RevokedKeyError
	switch {
	case err == nil:
		return strconv.Itoa(line.Number)
	case errors.As(err, &unknown):
		return "unknown"
	case errors.As(err, &changed):
		return "changed"
	case errors.As(err, &revoked):
		return "revoked"
	}
	return err.Error()
}

func TestUnknownKeySaysWhyTheCertificateDidNotCount(t *testing.T) {
	host, ca := newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoED25519)
	k, _ := parse(t, "@cert-authority * "+ca.text()+"\n")
	cert := hostCert(t, host, ca, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"db"} })
	_, err := k.Lookup("web").Check(cert, "web", time.Now())
	var certErr *CertificateError
	if !errors.As(err, &certErr) || certErr.Cert != cert {
		t.Errorf("got %v", err)
	}
}

func TestCheckHostFallsBackToTheBareName(t *testing.T) {
	host, other, ca := newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoED25519)
	cert := hostCert(t, host, ca, nil)
	for _, c := range []struct {
		lines string
		key   ssh.PublicKey
		want  string
	}{
		{"[web]:2222 " + host.text(), host.public(), "1"},
		{"web " + host.text(), host.public(), "1"},
		{"web " + other.text(), host.public(), "unknown"}, // not "changed": the port is new
		{"web " + host.text() + "\n[web]:2222 " + other.text(), host.public(), "changed"},
		{"@revoked web " + host.text(), host.public(), "unknown"},
		{"@cert-authority web " + ca.text(), cert, "1"},
		{"@cert-authority [web]:2222 " + other.text() + "\n@cert-authority web " + ca.text(), cert, "2"},
		{"@cert-authority web " + ca.text() + "\n[web]:2222 " + other.text(), cert, "1"},
		{"@revoked [web]:2222 " + ca.text() + "\n@cert-authority web " + ca.text(), cert, "revoked"},
		{"@cert-authority [web]:2222 " + other.text() + "\nweb " + host.text(), cert, "2"},
	} {
		k, _ := parse(t, c.lines+"\n")
		line, err := k.CheckHost("web", 2222, c.key, time.Now())
		if got := verdict(line, err); got != c.want {
			t.Errorf("%.60q: %s (%v), want %s", c.lines, got, err, c.want)
		}
	}
}

func TestAlgorithms(t *testing.T) {
	ed, ec, rsaKey := newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoECDSA256), newKey(t, ssh.KeyAlgoRSA)
	certs := []string{
		"ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com",
		"ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp521-cert-v01@openssh.com",
		"sk-ssh-ed25519-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
		"rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com",
	}
	plain := []string{
		"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
		"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "rsa-sha2-512", "rsa-sha2-256",
	}
	for _, c := range []struct {
		name, lines string
		preferred   []string
		want        []string
	}{
		{"nothing known", "", nil, plain},
		{"one", "web " + ec.text(), nil, []string{"ecdsa-sha2-nistp256"}},
		{"order is ssh's, not the file's", "web " + rsaKey.text() + "\nweb " + ed.text(), nil,
			[]string{"ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"}},
		{"order is the user's", "web " + rsaKey.text() + "\nweb " + ed.text(),
			[]string{"rsa-sha2-256", "ecdsa-sha2-nistp256", "ssh-ed25519"}, []string{"rsa-sha2-256", "ssh-ed25519"}},
		{"none of the user's is known", "web " + ed.text(), []string{"rsa-sha2-512"}, []string{"rsa-sha2-512"}},
		{"CA and key", "@cert-authority * " + ec.text() + "\nweb " + ed.text(), nil, append(slices.Clone(certs), "ssh-ed25519")},
		{"CA only", "@cert-authority * " + ec.text(), nil, append(slices.Clone(certs), plain...)},
		{"revoked says nothing", "@revoked * " + ec.text(), nil, plain},
	} {
		k, _ := parse(t, c.lines+"\n")
		if got := k.Lookup("web").Algorithms(c.preferred); !slices.Equal(got, c.want) {
			t.Errorf("%s:\ngot  %v\nwant %v", c.name, got, c.want)
		}
	}
}

func TestReadKnownHosts(t *testing.T) {
	dir := t.TempDir()
	key := newKey(t, ssh.KeyAlgoED25519)
	user := writeFile(t, filepath.Join(dir, "user"), "web "+key.text()+"\nnonsense\n")
	system := writeFile(t, filepath.Join(dir, "system"), "web "+key.text()+"\n")
	large := filepath.Join(dir, "large")
	writeFile(t, large, "")
	if err := os.Truncate(large, maxKnownHostsFile+1); err != nil {
		t.Fatal(err)
	}
	k, problems, err := ReadKnownHosts(user, filepath.Join(dir, "missing"), dir, large, system)
	var tooLarge *TooLargeError
	if !errors.As(err, &tooLarge) || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("error: %v", err)
	}
	if len(problems) != 1 || problems[0].Path != user || problems[0].Line != 2 {
		t.Errorf("problems: %v", problems)
	}
	keys := k.Lookup("web").Keys
	if len(keys) != 2 || keys[0].Path != user || keys[1].Path != system {
		t.Errorf("keys: %v", keys)
	}
	if _, _, err := ReadKnownHosts(filepath.Join(dir, "missing")); err != nil {
		t.Errorf("missing file: %v", err)
	}
}

func TestShortRSAKeyIsNotRead(t *testing.T) {
	public, err := ssh.NewPublicKey(&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), minRSABits-2, 1), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	if _, problems := parse(t, "web "+keyText(public)+"\n"); len(problems) != 1 || !errors.Is(problems[0], ErrRSATooShort) {
		t.Errorf("got %v", problems)
	}
}

func TestMatchPatternList(t *testing.T) {
	long := strings.Repeat("x", maxSubpattern)
	for _, c := range []struct {
		s, list string
		want    listMatch
	}{
		{"web", "web", listMatched},
		{"web", "db,w?b", listMatched},
		{"web", "w*,!web", listNegated},
		{"web", "!web,w*", listNegated},
		{"web", "!db", listNoMatch},
		{"web", "", listNoMatch},
		{"", "*", listMatched},
		{"", "?", listNoMatch},
		{"web", "w**?", listMatched},
		{"web", "web?", listNoMatch},
		{"web", "WEB", listMatched},
		{"!web", "!!web", listNegated},
		{"web", "web," + long, listMatched},
		{"web", "web,x" + long, listNoMatch},
		{"web", "!web,x" + long, listNegated},
	} {
		if got := matchPatternList(c.s, c.list, true); got != c.want {
			t.Errorf("%q, %.20q: %v, want %v", c.s, c.list, got, c.want)
		}
	}
}

func TestMatchPatternIsNotExponential(t *testing.T) {
	start := time.Now()
	if matchPattern(strings.Repeat("a", 1000), strings.Repeat("a*", 500)+"b") {
		t.Error("matches")
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v", d)
	}
}

func FuzzParseKnownHosts(f *testing.F) {
	key := newKey(f, ssh.KeyAlgoED25519).text()
	for _, seed := range []string{
		"web " + key + "\n", "@cert-authority *.x,!y.x " + key + " c\r\n", "@revoked\tx " + key,
		hashName("web") + " " + key + "\n", "\x00\n#\n \t\n@", "|1||", "web rsa-sha2-512 AAAA", "a b", "a b ",
	} {
		f.Add([]byte(seed), "web")
	}
	f.Fuzz(func(t *testing.T, content []byte, name string) {
		k, problems, err := ParseKnownHosts(bytes.NewReader(content), "kh")
		if err != nil {
			t.Fatal(err) // a reader that never fails, well below 16 MiB
		}
		lines := bytes.Count(content, []byte("\n")) + 1
		if len(k.entries)+len(problems) > lines {
			t.Errorf("%d entries and %d problems from %d lines", len(k.entries), len(problems), lines)
		}
		known := k.Lookup(name)
		for _, l := range known.Keys {
			if got, err := (Known{Keys: known.Keys}).Check(l.Key, name, time.Now()); err == nil && !equalKey(got.Key, plainKey(l.Key)) {
				t.Errorf("line %d vouches for a key that is not its own", got.Number)
			}
		}
		known.Algorithms(nil)
	})
}
