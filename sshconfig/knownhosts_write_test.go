package sshconfig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestAddMakesFileAndDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".ssh", "osssh")
	path := filepath.Join(dir, "known_hosts")
	key := newKey(t, ssh.KeyAlgoED25519)
	if err := Add(path, "[Web]:2222", key.public(), WriteOptions{Comment: "by osssh"}); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, path), "[web]:2222 "+key.text()+" by osssh\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for name, want := range map[string]os.FileMode{path: 0o600, dir: 0o700, filepath.Dir(dir): 0o700} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", name, info.Mode().Perm(), err, want)
		}
	}
}

func TestAddKeepsWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	a, b := newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoED25519)
	old := "# comment\r\nbad line\n*.x " + b.text() + "\nweb " + a.text() // no line end
	writeFile(t, path, old)
	add := func(name string, key testKey) {
		t.Helper()
		if err := Add(path, name, key.public(), WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	add("web", a)
	if got := read(t, path); got != old {
		t.Errorf("a known key was added again: %q", got)
	}
	add("web.x", b) // a pattern matches, but the name itself is new
	add("db", b)
	want := old + "\nweb.x " + b.text() + "\ndb " + b.text() + "\n"
	if got := read(t, path); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestAddHashed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	key := newKey(t, ssh.KeyAlgoED25519)
	for range 2 {
		if err := Add(path, "Web", key.public(), WriteOptions{Hash: true}); err != nil {
			t.Fatal(err)
		}
	}
	content := read(t, path)
	if strings.Contains(content, "web") || strings.Count(content, "\n") != 1 {
		t.Errorf("got %q", content)
	}
	k, _ := parse(t, content)
	if len(k.Lookup("web").Keys) != 1 {
		t.Error("not found again")
	}
	out, err := exec.Command(tool(t, "ssh-keygen"), "-l", "-F", "web", "-f", path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), ssh.FingerprintSHA256(key.public())) {
		t.Errorf("ssh-keygen: %v %s", err, out)
	}
}

func TestNamesThatWouldBeReadAsSomethingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	key := newKey(t, ssh.KeyAlgoED25519).public()
	for _, name := range []string{"", "a b", "a\tb", "a\nb", "a,b", "*", "a?", "!a", "#a", "@revoked", "|1|x", "[a", "[a]:", "[a]:x",
		"[]:22", "[[a]:22", "a]", `"a"`, "a\x7f", strings.Repeat("a", maxSubpattern)} {
		var invalid *InvalidNameError
		if err := Add(path, name, key, WriteOptions{}); !errors.As(err, &invalid) {
			t.Errorf("Add(%q): %v", name, err)
		}
		if err := Replace(path, name, []ssh.PublicKey{key}, WriteOptions{}); !errors.As(err, &invalid) {
			t.Errorf("Replace(%q): %v", name, err)
		}
	}
	var invalid *InvalidCommentError
	if err := Add(path, "web", key, WriteOptions{Comment: "a\nevil " + keyText(key)}); !errors.As(err, &invalid) {
		t.Errorf("comment: %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("a refused line made a file")
	}
	for _, name := range []string{"web", "10.0.0.1", "2001:db8::1", "fe80::1%eth0", "[fe80::1%eth0]:2222", "openstack-1-rescue", "bücher"} {
		if err := Add(path, name, key, WriteOptions{}); err != nil {
			t.Errorf("Add(%q): %v", name, err)
		}
		if k, _ := parse(t, read(t, path)); len(k.Lookup(name).Keys) != 1 {
			t.Errorf("%q is not found again", name)
		}
	}
}

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	oldKey, kept, fresh := newKey(t, ssh.KeyAlgoED25519), newKey(t, ssh.KeyAlgoECDSA256), newKey(t, ssh.KeyAlgoED25519)
	writeFile(t, path, "# mine\r\n"+
		"web "+oldKey.text()+" comment\n"+
		"WEB,10.0.0.1\t"+oldKey.text()+" two names\n"+
		"web "+kept.text()+" keep me\r\n"+
		hashedWith(make([]byte, 20), "web")+" "+oldKey.text()+"\n"+
		hashedWith(make([]byte, 20), "db")+" "+oldKey.text()+"\n"+
		"w* "+oldKey.text()+"\n"+
		"web,!db "+oldKey.text()+"\n"+
		"@cert-authority web "+oldKey.text()+"\n"+
		"@revoked web "+oldKey.text()+"\n"+
		"web nonsense")
	if err := Replace(path, "Web", []ssh.PublicKey{fresh.public(), kept.public()}, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	want := "# mine\r\n" +
		"10.0.0.1\t" + oldKey.text() + " two names\n" +
		"web " + kept.text() + " keep me\r\n" +
		hashedWith(make([]byte, 20), "db") + " " + oldKey.text() + "\n" +
		"w* " + oldKey.text() + "\n" +
		"web,!db " + oldKey.text() + "\n" +
		"@cert-authority web " + oldKey.text() + "\n" +
		"@revoked web " + oldKey.text() + "\n" +
		"web nonsense\n" +
		"web " + fresh.text() + "\n"
	if got := read(t, path); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReplaceInAMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d", "known_hosts")
	key := newKey(t, ssh.KeyAlgoED25519)
	if err := Replace(path, "web", []ssh.PublicKey{key.public()}, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || read(t, path) != "web "+key.text()+"\n" {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestRewriteKeepsLinkModeAndOwner(t *testing.T) {
	dir := t.TempDir()
	real := writeFile(t, filepath.Join(dir, "real"), "web "+newKey(t, ssh.KeyAlgoED25519).text()+"\n")
	link := filepath.Join(dir, "known_hosts")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(real, 0o644); err != nil {
		t.Fatal(err)
	}
	wantOwner := owner(t, real)
	if os.Geteuid() == 0 {
		wantOwner = 1234
		if err := os.Chown(real, 1234, 1234); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := Remove(link, "web"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is gone")
	}
	info, err := os.Stat(real)
	if err != nil || info.Mode().Perm() != 0o644 || info.Size() != 0 {
		t.Errorf("%v %v", info, err)
	}
	if got := owner(t, real); got != wantOwner {
		t.Errorf("owner %d, want %d", got, wantOwner)
	}
	if names, _ := os.ReadDir(dir); len(names) != 2 {
		t.Errorf("litter: %v", names)
	}
}

func TestUnchangedFileIsNotWritten(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "kh"), "# nothing\n")
	before, _ := os.Stat(path)
	if n, err := Remove(path, "web"); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("the file was replaced")
	}
	if n, err := Remove(path+".missing", "web"); n != 0 || err != nil {
		t.Errorf("missing file: %d, %v", n, err)
	}
}

func TestRemoveAsSSHKeygen(t *testing.T) {
	a, b := newKey(t, ssh.KeyAlgoED25519).text(), newKey(t, ssh.KeyAlgoECDSA256).text()
	content := "# c\nweb " + a + "\nweb,db " + b + " x\n*.example,w?b " + a + "\n!web,* " + b + "\n" + hashName("web") + " " + a +
		"\n@revoked web " + a + "\n@cert-authority web " + b + "\n[web]:2222 " + a + "\n  WEB " + b + "\n"
	for _, name := range []string{"web", "db", "[web]:2222", "x.example", "nobody"} {
		dir := t.TempDir()
		theirs := writeFile(t, filepath.Join(dir, "theirs"), content)
		ours := writeFile(t, filepath.Join(dir, "ours"), content)
		out, err := exec.Command(tool(t, "ssh-keygen"), "-R", name, "-f", theirs).CombinedOutput()
		if err != nil {
			t.Fatalf("ssh-keygen: %v %s", err, out)
		}
		removed, err := Remove(ours, name)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Count(string(out), " found: line "); removed != want {
			t.Errorf("%s: removed %d, ssh-keygen %d", name, removed, want)
		}
		if got, want := read(t, ours), read(t, theirs); got != want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestWritersDoNotLoseEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	key := newKey(t, ssh.KeyAlgoED25519).public()
	var wg sync.WaitGroup
	const writers = 16
	for i := range writers {
		wg.Go(func() {
			if err := Add(path, fmt.Sprintf("add%d", i), key, WriteOptions{}); err != nil {
				t.Error(err)
			}
			if err := Replace(path, fmt.Sprintf("replace%d", i), []ssh.PublicKey{key}, WriteOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := strings.Count(read(t, path), "\n"); got != 2*writers {
		t.Errorf("%d lines, want %d", got, 2*writers)
	}
}

func TestLockIsGivenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	boom := errors.New("boom")
	if err := withLock(path, func() error { return boom }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	unlock, err := tryLock(path)
	if err != nil || unlock == nil {
		t.Fatalf("still locked: %v", err)
	}
	if second, err := tryLock(path); second != nil || err != nil {
		t.Errorf("locked twice: %v", err)
	}
	unlock()
}
