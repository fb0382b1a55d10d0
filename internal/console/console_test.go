package console

import (
	"bytes"
	"crypto/ed25519"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// hostKey is one of sshd's keys with what ssh-keygen says of it.
type hostKey struct {
	public  ssh.PublicKey
	line    string // of the .pub file
	listing string // of ssh-keygen -l
}

// hostKeys gives one set of keys to all tests, otherKeys another: RSA takes its time.
func hostKeys(t testing.TB) []hostKey { return made(t, firstSet) }

func otherKeys(t testing.TB) []hostKey { return made(t, secondSet) }

var firstSet, secondSet = sync.OnceValues(generate), sync.OnceValues(generate)

func made(t testing.TB, set func() ([]hostKey, error)) []hostKey {
	t.Helper()
	keys, err := set()
	if err != nil {
		t.Fatalf("openssh-client's ssh-keygen is needed: %v", err)
	}
	return slices.Clone(keys)
}

// generate makes keys with the real ssh-keygen, in the order of the glob that
// cloud-init walks: ecdsa, ed25519, rsa.
func generate() ([]hostKey, error) {
	dir, err := os.MkdirTemp("", "console")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var out []hostKey
	for _, kind := range []string{"ecdsa -b 256", "ed25519", "rsa -b 2048"} {
		file := filepath.Join(dir, kind[:3])
		args := append(strings.Fields("-q -C root@host -f "+file+" -t "+kind), "-N", "")
		if b, err := exec.Command("ssh-keygen", args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, b)
		}
		listing, err := exec.Command("ssh-keygen", "-l", "-f", file+".pub").Output()
		if err != nil {
			return nil, err
		}
		b, err := os.ReadFile(file + ".pub")
		if err != nil {
			return nil, err
		}
		public, _, _, _, err := ssh.ParseAuthorizedKey(b)
		if err != nil {
			return nil, err
		}
		out = append(out, hostKey{public, strings.TrimSpace(string(b)), strings.TrimSpace(string(listing))})
	}
	return out, nil
}

func someKey(t testing.TB) ssh.PublicKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const kernelStart = "[    0.000000] Linux version 6.1.0-37-cloud-amd64 (debian-kernel@lists.debian.org)\n"

// keyBlock and printBlock are what tools/write-ssh-key-fingerprints prints;
// releases differ in what logger puts before each line.
func keyBlock(prefix string, keys ...hostKey) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s-----BEGIN SSH HOST KEY KEYS-----\n", prefix)
	for _, k := range keys {
		fmt.Fprintf(&b, "%s%s\n", prefix, k.line)
	}
	fmt.Fprintf(&b, "%s-----END SSH HOST KEY KEYS-----\n", prefix)
	return b.String()
}

func printBlock(prefix string, keys ...hostKey) string {
	var b strings.Builder
	hashes := prefix + strings.Repeat("#", 61) + "\n"
	fmt.Fprintf(&b, "%s%s-----BEGIN SSH HOST KEY FINGERPRINTS-----\n", hashes, prefix)
	for _, k := range keys {
		fmt.Fprintf(&b, "%s%s\n", prefix, k.listing)
	}
	fmt.Fprintf(&b, "%s-----END SSH HOST KEY FINGERPRINTS-----\n%s", prefix, hashes)
	return b.String()
}

// table is cloudinit/simpletable.py under its title.
func table(title string, rows ...[]string) string {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], len(cell)+2)
		}
	}
	ruler := "+"
	for _, w := range widths {
		ruler += strings.Repeat("-", w) + "+"
	}
	center := func(s, fill string, width int) string {
		left := max(width-len(s), 0) / 2
		return strings.Repeat(fill, left) + s + strings.Repeat(fill, max(width-len(s)-left, 0))
	}
	lines := []string{center(title, "+", len(ruler)), ruler}
	for i, r := range rows {
		cells := "|"
		for i, cell := range r {
			cells += center(cell, " ", widths[i]) + "|"
		}
		lines = append(lines, cells)
		if i == 0 {
			lines = append(lines, ruler)
		}
	}
	lines = append(lines, ruler)
	return "ci-info: " + strings.Join(lines, "\nci-info: ") + "\n"
}

func keyTable(user string, rows ...[]string) string {
	head := []string{"Keytype", "Fingerprint (sha256)", "Options", "Comment"}
	return table("Authorized keys from /home/"+user+"/.ssh/authorized_keys for user "+user, append([][]string{head}, rows...)...)
}

func colons(sum []byte) string {
	s := hex.EncodeToString(sum)
	var parts []string
	for i := 0; i < len(s); i += 2 {
		parts = append(parts, s[i:i+2])
	}
	return strings.Join(parts, ":")
}

func (k hostKey) sha256() []byte { s := sha256.Sum256(k.public.Marshal()); return s[:] }
func (k hostKey) md5() []byte    { s := md5.Sum(k.public.Marshal()); return s[:] }

func sameKeys(got []ssh.PublicKey, want []hostKey) bool {
	return slices.EqualFunc(got, want, func(a ssh.PublicKey, b hostKey) bool { return bytes.Equal(a.Marshal(), b.public.Marshal()) })
}

// as nova hands a log on: control characters but tab and newline are gone, CR
// and ESC too.
func strip(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The logs in testdata are of a real nova, keys thrown away.
func TestRealLogs(t *testing.T) {
	for _, v := range []struct {
		file, user, comment string
		hostKeys            int
		lastUptime          time.Duration
	}{
		{"web.log", "debian", "demo@laptop ed25519", 3, 9870 * time.Millisecond},
		{"direct.log", "cirros", "demo@laptop ecdsa", 3, 9870 * time.Millisecond},
		// The host keys stand in the log, but of the boot before.
		{"rebooted.log", "debian", "demo@laptop ed25519", 0, 9870 * time.Millisecond},
	} {
		t.Run(v.file, func(t *testing.T) {
			text := read(t, v.file)
			l := Parse(text)
			if len(l.HostKeys) != v.hostKeys || len(l.Fingerprints) != v.hostKeys || len(l.HostKeyTypes) != v.hostKeys {
				t.Errorf("%d host keys, %d fingerprints, types %q", len(l.HostKeys), len(l.Fingerprints), l.HostKeyTypes)
			}
			for i, k := range l.HostKeys {
				if got := ssh.FingerprintSHA256(k); got != l.Fingerprints[i] {
					t.Errorf("fingerprint %s of key %d, printed %s", got, i, l.Fingerprints[i])
				}
			}
			if l.LoginAs != v.user || len(l.AuthorizedKeys) != 1 || l.AuthorizedKeys[0].Comment != v.comment || len(l.AuthorizedKeys[0].SHA256) != 32 {
				t.Errorf("user %q, keys %+v", l.LoginAs, l.AuthorizedKeys)
			}
			if len(l.Faults) != 0 {
				t.Errorf("faults %+v", l.Faults)
			}
			want := []Stage{Kernel, CloudInitLocal, CloudInitNetwork, Network, AuthorizedKeys, HostKeys, Metadata, Finished, LoginPrompt}
			if v.hostKeys == 0 {
				want = slices.DeleteFunc(want, func(s Stage) bool { return s == HostKeys })
			}
			if got := stagesOf(l); !slices.Equal(got, want) {
				t.Errorf("milestones %q", got)
			}
			if m := l.Milestones[len(l.Milestones)-2]; m.Uptime.Round(10*time.Millisecond) != v.lastUptime {
				t.Errorf("%s at %v", m.Stage, m.Uptime)
			}
			if first := l.Milestones[0].Line; !strings.HasPrefix(first, "[    0.000000] Linux version ") {
				t.Errorf("the boot begins with %q", first)
			}
			if !strings.Contains(text, "BEGIN SSH HOST KEY") {
				t.Error("the log has no host key block at all: nothing was tested")
			}
		})
	}
}

func stagesOf(l Log) (out []Stage) {
	for _, m := range l.Milestones {
		out = append(out, m.Stage)
	}
	return out
}

func faultsOf(l Log) (out []FaultID) {
	for _, f := range l.Faults {
		out = append(out, f.ID)
	}
	return out
}

func TestHostKeys(t *testing.T) {
	keys := hostKeys(t)
	old := otherKeys(t)
	damaged := strings.Replace(keyBlock("", keys...), keys[1].line, keys[1].line[:60], 1)
	unknown := hostKey{line: "ssh-xmss@openssh.com " + blob("ssh-xmss@openssh.com", "rest") + " c"}
	fakeType := hostKey{line: "ssh-rsa " + strings.Fields(keys[1].line)[1]}
	interrupted := strings.Replace(keyBlock("", keys...), keys[2].line, keys[2].line[:200]+"[   12.300000] audit: something\n"+keys[2].line[200:], 1)
	headless := strings.Replace(keyBlock("", keys...), keys[2].line, keys[2].line[150:], 1)
	for _, v := range []struct {
		name string
		text string
		want []hostKey
	}{
		{"cloud-init", kernelStart + keyBlock("", keys...), keys},
		{"prefixed by logger, as ec2", kernelStart + keyBlock("<14>Feb 18 12:42:13 ec2: ", keys...), keys},
		{"prefixed by the kernel and cloud-init", kernelStart + keyBlock("[   12.345678] cloud-init[891]: ", keys...), keys},
		{"in colours", kernelStart + keyBlock("\x1b[0m\x1b[?25h", keys...), keys},
		{"prefixed twice", kernelStart + keyBlock("[   12.345678] cloud-init[891]: <14>Feb 18 12:42:13 cloud-init: ", keys...), keys},
		{"after a prompt", kernelStart + "host login: " + keyBlock("", keys...), keys},
		{"cirros", kernelStart + "=== sshd host keys ===\n" + keyBlock("", keys[2], keys[0]) + "=== network info ===\n", []hostKey{keys[2], keys[0]}},
		{"lines end in CR LF", strings.ReplaceAll(kernelStart+keyBlock("", keys...), "\n", "\r\n"), keys},
		{"no mark of a boot", keyBlock("", keys...), keys},
		{"the last block counts", keyBlock("", old...) + keyBlock("", keys...), keys},
		{"an unfinished block after a whole one", keyBlock("", keys...) + "-----BEGIN SSH HOST KEY KEYS-----\n" + old[0].line + "\n", keys},
		{"a block begins within an unfinished one", "-----BEGIN SSH HOST KEY KEYS-----\n" + old[0].line + "\n" + keyBlock("", keys...), keys},
		{"an end without begin", old[0].line + "\n-----END SSH HOST KEY KEYS-----\n", nil},
		{"an empty block says nothing", keyBlock("", keys...) + keyBlock(""), keys},
		{"junk between", strings.Replace(keyBlock("", keys...), "\n", "\n[   12.300000] audit: type=1400\nhost login: \n\ufffd\ufffd\n", 2), keys},
		{"no newline before the end", strings.Replace(keyBlock("", keys...), "\n-----END", "-----END", 1), keys},
		{"a damaged key spoils its block", damaged, nil},
		{"a damaged block after a whole one", keyBlock("", keys...) + damaged, keys},
		{"a key interrupted by a message", interrupted, nil},
		{"a key without its beginning", headless, nil},
		{"a type we do not know", keyBlock("", keys[0], unknown), keys[:1]},
		{"a certificate", keyBlock("", keys[0], certificate(t)), keys[:1]},
		{"a type that is not the blob's", keyBlock("", keys[0], fakeType), nil},
		{"the boot before printed them", kernelStart + keyBlock("", keys...) + "host login: " + kernelStart, nil},
		{"the boot before, firmware speaks", kernelStart + keyBlock("", keys...) + "SeaBIOS (version 1.16.2)\n", nil},
		{"the boot before, without a kernel's word", "BdsDxe: starting Boot0001\n" + keyBlock("", keys...) + "BdsDxe: loading Boot0001\n", nil},
		{"the boot before, GRUB speaks", kernelStart + keyBlock("", keys...) + "Welcome to GRUB!\n", nil},
		{"firmware, GRUB and kernel are one boot", "SeaBIOS (version 1.16.2)\nBooting from Hard Disk...\nGRUB loading.\nWelcome to GRUB!\n" + kernelStart + keyBlock("", keys...), keys},
		{"two boots, each with its keys", kernelStart + keyBlock("", old...) + kernelStart + keyBlock("", keys...), keys},
		{"too many", keyBlock("", slices.Repeat(keys, 12)...), nil},
	} {
		t.Run(v.name, func(t *testing.T) {
			for _, text := range []string{v.text, strip(v.text)} {
				l := Parse(text)
				if !sameKeys(l.HostKeys, v.want) {
					t.Errorf("got %d keys, want %d", len(l.HostKeys), len(v.want))
				}
				for _, k := range v.want {
					if known, decided := l.Knows(k.public); !known || !decided {
						t.Errorf("%s: known %v, decided %v", k.public.Type(), known, decided)
					}
				}
				if known, decided := l.Knows(someKey(t)); known || decided != (len(v.want) > 0) {
					t.Errorf("a stranger: known %v, decided %v", known, decided)
				}
			}
		})
	}
}

func certificate(t testing.TB) hostKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	c := &ssh.Certificate{Key: signer.PublicKey(), CertType: ssh.HostCert, ValidBefore: ssh.CertTimeInfinity}
	if err := c.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	return hostKey{line: string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(c)))}
}

// blob is a key of RFC 4251 strings in base64.
func blob(parts ...string) string {
	var b []byte
	for _, p := range parts {
		b = append(b, byte(len(p)>>24), byte(len(p)>>16), byte(len(p)>>8), byte(len(p)))
		b = append(b, p...)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func TestFingerprints(t *testing.T) {
	keys := hostKeys(t)
	prints := func(keys ...hostKey) (out []string) {
		for _, k := range keys {
			out = append(out, ssh.FingerprintSHA256(k.public))
		}
		return out
	}
	coreOS := func(keys ...hostKey) string {
		text := ""
		for _, k := range keys {
			f := strings.Fields(k.listing)
			text += "SSH host key: " + f[1] + " " + f[3] + "\n"
		}
		return text
	}
	all := []string{ssh.KeyAlgoECDSA256, ssh.KeyAlgoED25519, ssh.KeyAlgoRSA}
	curves := []string{ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521}
	md5Line := "256 MD5:" + colons(keys[0].md5()) + " root@host (ECDSA)"
	for _, v := range []struct {
		name  string
		text  string
		want  []string
		types []string
	}{
		{"cloud-init", printBlock("<14>Feb 18 12:42:13 cloud-init: ", keys...), prints(keys...), all},
		{"bare", printBlock("", keys...), prints(keys...), all},
		{"CoreOS", coreOS(keys...), prints(keys...), append(slices.Clone(curves), ssh.KeyAlgoED25519, ssh.KeyAlgoRSA)},
		{"CoreOS repeats its issue", coreOS(keys[1]) + "host login: " + coreOS(keys[1:]...), prints(keys[1:]...), all[1:]},
		{"CoreOS, cut", coreOS(keys[1]) + "SSH host key: SHA256:abc", prints(keys[1]), all[1:2]},
		{"a block rather than CoreOS's lines", coreOS(keys[0]) + printBlock("", keys[1]), prints(keys[1]), all[1:2]},
		{"MD5 proves too little", printBlock("", hostKey{listing: md5Line}), nil, nil},
		{"cut", strings.Replace(printBlock("", keys...), keys[2].listing, keys[2].listing[:30], 1), nil, nil},
		{"a comment of many words", strings.ReplaceAll(printBlock("", keys[1]), "root@host", "root at (host) 1"), prints(keys[1]), all[1:2]},
		{"no comment", strings.ReplaceAll(printBlock("", keys[1]), "root@host", "no comment"), prints(keys[1]), all[1:2]},
		{"the boot before", kernelStart + printBlock("", keys...) + coreOS(keys...) + kernelStart, nil, nil},
	} {
		t.Run(v.name, func(t *testing.T) {
			l := Parse(v.text)
			if !slices.Equal(l.Fingerprints, v.want) || !slices.Equal(l.HostKeyTypes, v.types) {
				t.Errorf("got %q %q, want %q %q", l.Fingerprints, l.HostKeyTypes, v.want, v.types)
			}
			if l.HasHostKeys() != (len(v.want) > 0) {
				t.Errorf("HasHostKeys %v", l.HasHostKeys())
			}
			for _, k := range keys {
				known, decided := l.Knows(k.public)
				if known != slices.Contains(v.want, ssh.FingerprintSHA256(k.public)) || decided != (len(v.want) > 0) {
					t.Errorf("%s: known %v, decided %v", k.public.Type(), known, decided)
				}
			}
		})
	}
}

// However a log is cut, what it tells of host keys is all or nothing.
func TestCutAnywhere(t *testing.T) {
	keys := hostKeys(t)
	text := kernelStart + printBlock("<14>Feb 18 12:42:13 cloud-init: ", keys...) + keyBlock("", keys...) + "\nhost login: "
	for i := range len(text) {
		for _, part := range []string{text[:i], text[i:]} {
			l := Parse(part)
			if n := len(l.HostKeys); n != 0 && !sameKeys(l.HostKeys, keys) {
				t.Fatalf("cut at %d: %d host keys", i, n)
			}
			if n := len(l.Fingerprints); n != 0 && n != len(keys) {
				t.Fatalf("cut at %d: %d fingerprints", i, n)
			}
		}
	}
}

// A character lost on the line must not pass for a key.
func TestLostCharacter(t *testing.T) {
	keys := hostKeys(t)
	text := keyBlock("", keys...)
	blobAt := func(i int) bool {
		for _, k := range keys {
			at := strings.Index(text, strings.Fields(k.line)[1])
			if i >= at && i < at+len(strings.Fields(k.line)[1]) {
				return true
			}
		}
		return false
	}
	for i := range len(text) {
		l := Parse(text[:i] + text[i+1:])
		if blobAt(i) && len(l.HostKeys) != 0 {
			t.Fatalf("without the character at %d: %d host keys", i, len(l.HostKeys))
		}
		if n := len(l.HostKeys); n != 0 && !sameKeys(l.HostKeys, keys) && text[i] != '\n' {
			t.Fatalf("without the character at %d: %d host keys", i, n)
		}
	}
}
