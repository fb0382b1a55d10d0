package sshconfig

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"
)

// The known_hosts reader is held against ssh-keygen -F and against ssh itself
// with a real sshd, on files from a seeded generator.

// linePool is what generated known_hosts lines are made of.
type linePool struct {
	random *rand.Rand
	names  []string
	keys   []string
}

func newLinePool(seed uint64, keys []string) *linePool {
	return &linePool{
		random: rand.New(rand.NewPCG(seed, 1)),
		names: []string{
			"web", "web", "web", "[web]:2222", "Web", "db", "web.example", "WEB.example", "10.0.0.1", "2001:db8::1", "openstack-1", "*", "w*", "*.example",
			"?eb", "*.EXAMPLE", "!web", "!*.example", "[web]:2222", "[web]:*", "[*]:2222", "[10.0.0.1]:2222", "[*", "w**b", "*e?",
			"", "!", "web*web", "|", "#web",
		},
		keys: keys,
	}
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func (p *linePool) nameField() string {
	if p.random.IntN(4) == 0 {
		salt := make([]byte, 20)
		salt[0] = byte(p.random.IntN(256))
		hashed := hashedWith(salt, strings.ToLower(pick(p.random, p.names[:11])))
		return pick(p.random, []string{hashed, hashed, hashed, hashed, hashed[:len(hashed)-3], hashed + ",web", "web," + hashed, "|1|x|y"})
	}
	names := []string{pick(p.random, p.names)}
	for p.random.IntN(3) == 0 {
		names = append(names, pick(p.random, p.names))
	}
	return strings.Join(names, ",")
}

func (p *linePool) line() string {
	marker := pick(p.random, []string{"", "", "", "", "", "", "", "", "@cert-authority ", "@cert-authority \t", "@revoked ", "@revoked\t", "@other ",
		"@revoked @cert-authority "})
	lead := pick(p.random, []string{"", "", "", "", " ", "\t"})
	blank := pick(p.random, []string{" ", " ", "\t", "  "})
	tail := pick(p.random, []string{"", "", " comment", "  two words ", "\t#", " "})
	end := pick(p.random, []string{"\n", "\n", "\n", "\r\n"})
	return lead + marker + p.nameField() + blank + pick(p.random, p.keys) + tail + end
}

func (p *linePool) file() string {
	var b strings.Builder
	b.WriteString(pick(p.random, []string{"", "# comment\n", "\n \n"}))
	for range 2 + p.random.IntN(8) {
		b.WriteString(p.line())
	}
	return strings.TrimSuffix(b.String(), pick(p.random, []string{"", "\n"}))
}

func TestLookupAgainstSSHKeygen(t *testing.T) {
	keygen := tool(t, "ssh-keygen")
	ed, ec, rsaKey := newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoECDSA256), newKey(t, ssh.KeyAlgoRSA)
	fields := strings.Fields(ed.text())
	keys := []string{
		ed.text(), ed.text(), ec.text(), ec.text(), rsaKey.text(), newKey(t, ssh.KeyAlgoED25519).text(),
		keyText(hostCert(t, ed, ec, nil)),
		"rsa-sha2-512 " + strings.Fields(rsaKey.text())[1],
		"ssh-unknown " + fields[1],
		"ssh-rsa " + fields[1],
		"ssh-ed25519 " + fields[1][:20],
		"ssh-ed25519 " + fields[1] + "AAAA",
		"ssh-ed25519 !" + fields[1],
		"ssh-ed25519",
		"1024 35 1234567890",
		"# " + ed.text(),
	}
	dir := t.TempDir()
	pool := newLinePool(1, keys)
	lookups := []string{"web", "WEB", "web.example", "10.0.0.1", "2001:db8::1", "[web]:2222", "openstack-1", "[db]:2222"}
	type result struct{ theirs, ours string }
	const files = 60
	results := make([]result, files*len(lookups))
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU() + 1)
	for f := range files {
		content := pool.file()
		path := writeFile(t, filepath.Join(dir, fmt.Sprint(f)), content)
		known, _, err := ReadKnownHosts(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range lookups {
			at := f*len(lookups) + i
			results[at].ours = describe(known.Lookup(name))
			g.Go(func() error {
				out, err := exec.Command(keygen, "-l", "-F", name, "-f", path).Output()
				if _, notFound := err.(*exec.ExitError); err != nil && !notFound {
					return err
				}
				results[at].theirs = describeKeygen(string(out))
				return nil
			})
		}
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	found := 0
	for at, r := range results {
		if r.theirs != "" {
			found++
		}
		if r.ours != r.theirs {
			path := filepath.Join(dir, fmt.Sprint(at/len(lookups)))
			t.Errorf("%s in\n%sssh-keygen:\n%sours:\n%s", lookups[at%len(lookups)], read(t, path), r.theirs, r.ours)
		}
	}
	if len(results) < 100 || found < 100 {
		t.Errorf("%d look-ups of which %d found something: too few to say anything", len(results), found)
	}
}

// describe says in lines what was found, in the order of the file.
func describe(k Known) string {
	type found struct {
		number int
		text   string
	}
	var all []found
	for _, group := range []struct {
		marker string
		lines  []Line
	}{{"", k.Keys}, {"CA", k.CAs}, {"REVOKED", k.Revoked}} {
		for _, l := range group.lines {
			// ssh-keygen prints the fingerprint of a certificate's key.
			all = append(all, found{l.Number, fmt.Sprintf("%d %s %s\n", l.Number, group.marker, ssh.FingerprintSHA256(plainKey(l.Key)))})
		}
	}
	slices.SortFunc(all, func(a, b found) int { return a.number - b.number })
	var b strings.Builder
	for _, f := range all {
		b.WriteString(f.text)
	}
	return b.String()
}

func describeKeygen(out string) string {
	var b strings.Builder
	blocks := regexp.MustCompile(`(?m)^# Host .* found: line (\d+) (\w*)\n.*?(SHA256:\S+)`)
	for _, m := range blocks.FindAllStringSubmatch(out, -1) {
		fmt.Fprintf(&b, "%s %s %s\n", m[1], m[2], m[3])
	}
	return b.String()
}

// sshdConfig writes host keys and a configuration with which sshd -i speaks on
// its standard input.
func sshdConfig(t *testing.T, dir string, keys map[string]testKey, cert *ssh.Certificate) string {
	t.Helper()
	if os.Geteuid() == 0 {
		// sshd will not start as root without it; a package's unit makes it at boot.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var conf strings.Builder
	for name, key := range keys {
		fmt.Fprintf(&conf, "HostKey %s\n", key.write(t, filepath.Join(dir, name)))
	}
	fmt.Fprintf(&conf, "HostCertificate %s\n", writeFile(t, filepath.Join(dir, "cert.pub"), keyText(cert)+"\n"))
	conf.WriteString("UsePAM no\nUseDNS no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nAuthorizedKeysFile none\n")
	return writeFile(t, filepath.Join(dir, "sshd_config"), conf.String())
}

func TestCheckAgainstSSH(t *testing.T) {
	sshPath, sshd := tool(t, "ssh"), tool(t, "sshd")
	dir := t.TempDir()
	ed, ec, ca := newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoECDSA256), newKey(t, ssh.KeyAlgoED25519)
	cert := hostCert(t, ed, ca, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"web", "openstack-1"} })
	conf := sshdConfig(t, dir, map[string]testKey{"ed": ed, "ec": ec}, cert)
	presented := map[string]ssh.PublicKey{
		ssh.KeyAlgoED25519: ed.public(), ssh.KeyAlgoECDSA256: ec.public(), ssh.CertAlgoED25519v01: cert,
	}
	pool := newLinePool(2, []string{ed.text(), ed.text(), ed.text(), ec.text(), ec.text(), ca.text(), newKey(t, ssh.KeyAlgoED25519).text(), keyText(cert),
		"ssh-unknown AAAA"})
	type try struct {
		user, system string
		host, alias  string
		port         int
		algorithm    string
		ours, theirs string
		log          string
	}
	tries := make([]try, 140)
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU() + 2)
	for i := range tries {
		c := &tries[i]
		c.user = writeFile(t, filepath.Join(dir, fmt.Sprint("user", i)), pool.file())
		c.system = writeFile(t, filepath.Join(dir, fmt.Sprint("system", i)), pool.file())
		c.host = pick(pool.random, []string{"web", "web", "web.example", "db"})
		c.port = pick(pool.random, []int{22, 22, 2222})
		c.alias = pick(pool.random, []string{"", "", "openstack-1"})
		c.algorithm = pick(pool.random, []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.CertAlgoED25519v01})
		known, _, err := ReadKnownHosts(c.user, c.system)
		if err != nil {
			t.Fatal(err)
		}
		var line Line
		if c.alias != "" {
			line, err = known.Lookup(c.alias).Check(presented[c.algorithm], c.alias, time.Now())
		} else {
			line, err = known.CheckHost(c.host, c.port, presented[c.algorithm], time.Now())
		}
		if c.ours = verdict(line, err); err == nil {
			c.ours = fmt.Sprintf("%s:%d", line.Path, line.Number)
		}
		g.Go(func() error {
			args := []string{"-v", "-F", "none", "-p", fmt.Sprint(c.port), "-o", "ProxyCommand=" + sshd + " -i -f " + conf,
				"-o", "UserKnownHostsFile=" + c.user, "-o", "GlobalKnownHostsFile=" + c.system, "-o", "HostKeyAlgorithms=" + c.algorithm,
				"-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no", "-o", "PreferredAuthentications=none", "-o", "BatchMode=yes",
				"-o", "KexAlgorithms=curve25519-sha256", "-o", "IdentityFile=none", "-o", "IdentityAgent=none"}
			if c.alias != "" {
				args = append(args, "-o", "HostKeyAlias="+c.alias)
			}
			var log bytes.Buffer
			cmd := exec.Command(sshPath, append(args, c.host)...)
			cmd.Stderr = &log
			if err := cmd.Run(); err == nil {
				return fmt.Errorf("ssh logged in without authentication")
			}
			c.log = log.String()
			c.theirs = sshVerdict(c.log)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, c := range tries {
		kind, _, _ := strings.Cut(c.theirs, "/")
		kinds[kind]++
		if c.ours != c.theirs {
			t.Errorf("%s port %d alias %q %s: ours %s, ssh %s\n--- user\n%s\n--- system\n%s\n--- ssh\n%s",
				c.host, c.port, c.alias, c.algorithm, c.ours, c.theirs, read(t, c.user), read(t, c.system), c.log)
		}
	}
	for _, kind := range []string{"", "unknown", "changed", "revoked"} {
		if kinds[kind] < 3 {
			t.Errorf("only %d cases of %q: %v", kinds[kind], kind, kinds)
		}
	}
}

// sshVerdict reads from ssh -v what it thought of the host key: the file and
// line that vouched for it, or why none did.
func sshVerdict(log string) string {
	vouching := regexp.MustCompile(`Found (?:CA )?key in (\S+:\d+)`).FindAllStringSubmatch(log, -1)
	if len(vouching) > 0 && strings.Contains(log, "SSH2_MSG_NEWKEYS sent") {
		return vouching[len(vouching)-1][1]
	}
	switch {
	case strings.Contains(log, "REMOTE HOST IDENTIFICATION HAS CHANGED"):
		return "changed"
	case strings.Contains(log, "host key is known for"):
		return "unknown"
	case strings.Contains(log, "REVOKED HOST KEY DETECTED"): // last: ssh says it of the bare name too, and goes on
		return "revoked"
	}
	return "no verdict"
}

func TestAlgorithmsAgainstSSH(t *testing.T) {
	sshPath, sshd := tool(t, "ssh"), tool(t, "sshd")
	dir := t.TempDir()
	ed, ec, rsaKey, ca := newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoECDSA256), newKey(t, ssh.KeyAlgoRSA), newKey(t, ssh.KeyAlgoED25519)
	conf := sshdConfig(t, dir, map[string]testKey{"ed": ed}, hostCert(t, ed, ca, nil))
	for i, lines := range []string{
		"", "web " + ed.text(), "web " + ec.text(), "web " + rsaKey.text(), "web " + rsaKey.text() + "\nweb " + ec.text(),
		"@cert-authority * " + ca.text(), "@cert-authority * " + rsaKey.text() + "\nweb " + rsaKey.text(), "@revoked web " + ec.text(),
	} {
		path := writeFile(t, filepath.Join(dir, fmt.Sprint("kh", i)), lines+"\n")
		known, _, err := ReadKnownHosts(path)
		if err != nil {
			t.Fatal(err)
		}
		ours := known.Lookup("web").Algorithms(nil)
		log, _ := exec.Command(sshPath, "-vv", "-F", "none", "-o", "ProxyCommand="+sshd+" -i -f "+conf, "-o", "UserKnownHostsFile="+path,
			"-o", "GlobalKnownHostsFile=none", "-o", "BatchMode=yes", "-o", "IdentityFile=none", "-o", "IdentityAgent=none", "web").CombinedOutput()
		m := regexp.MustCompile(`host key algorithms: (\S+)`).FindSubmatch(log)
		if m == nil {
			t.Fatalf("ssh said nothing of its algorithms:\n%s", log)
		}
		// ssh offers all; of those that we offer the order is the same.
		theirs := slices.DeleteFunc(strings.Split(string(m[1]), ","), func(a string) bool { return !slices.Contains(ours, a) })
		if !slices.Equal(ours, theirs) {
			t.Errorf("%.50q:\nours %v\nssh  %v", lines, ours, theirs)
		}
	}
}

func BenchmarkParseKnownHosts(b *testing.B) {
	keys := []string{newKey(b, ssh.KeyAlgoED25519).text(), newKey(b, ssh.KeyAlgoECDSA256).text(), newKey(b, ssh.KeyAlgoRSA).text()}
	var content strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&content, "%s %s\n", hashName(fmt.Sprint("host", i)), keys[i%3])
	}
	for b.Loop() {
		k, _, err := ParseKnownHosts(strings.NewReader(content.String()), "kh")
		if err != nil {
			b.Fatal(err)
		}
		k.Lookup("openstack-1", "10.0.0.1")
	}
}
