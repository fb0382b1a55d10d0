package keystore

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// What we write, ssh-keygen, openssl and puttygen read. Where a tool cannot, the table
// says so, and the test holds that it does refuse: a newer tool shows itself.

// written is one way to write a key.
type written struct {
	name    string
	options Options
}

func allWritten() []written {
	return []written{
		{"openssh", Options{Format: OpenSSH}},
		{"pem", Options{Format: PEM}},
		{"pkcs8", Options{Format: PKCS8}},
		{"ppk2", Options{Format: PPK, PPKVersion: 2}},
		{"ppk3", Options{Format: PPK, PPKVersion: 3}},
	}
}

// readerTool reads a private key file and tells its public half.
type readerTool struct {
	name string
	// cannot says why the tool does not read a file, "" where it does.
	cannot func(w written, kind keyKind, passphrase string) string
	public func(t *testing.T, path, passphrase string) (ssh.PublicKey, error)
}

func readerTools() []readerTool {
	return []readerTool{
		{
			name: "ssh-keygen",
			cannot: func(w written, kind keyKind, _ string) string {
				switch {
				case w.options.Format == PPK:
					return "PPK is PuTTY's"
				case w.options.Format == PKCS8 && kind.kind == Ed25519:
					return "Ed25519 in PKCS#8 came with OpenSSH 9.6"
				}
				return ""
			},
			public: func(t *testing.T, path, passphrase string) (ssh.PublicKey, error) {
				return publicLine(tryTool(t, "ssh-keygen", "-y", "-P", passphrase, "-f", path))
			},
		},
		{
			name: "openssl",
			cannot: func(w written, _ keyKind, _ string) string {
				switch w.options.Format {
				case PPK, OpenSSH:
					return "not a format of OpenSSL"
				}
				return ""
			},
			public: func(t *testing.T, path, passphrase string) (ssh.PublicKey, error) {
				out, err := tryTool(t, "openssl", "pkey", "-in", path, "-passin", "pass:"+passphrase, "-pubout")
				if err != nil {
					return nil, err
				}
				block, _ := pem.Decode([]byte(out))
				public, err := x509.ParsePKIXPublicKey(block.Bytes)
				if err != nil {
					return nil, err
				}
				return ssh.NewPublicKey(public)
			},
		},
		{
			name: "puttygen",
			cannot: func(w written, _ keyKind, _ string) string {
				if w.options.Format == PKCS8 {
					return "it reads no PKCS#8"
				}
				return ""
			},
			public: func(t *testing.T, path, passphrase string) (ssh.PublicKey, error) {
				// Written as the other family's format, so that it has to load the private half.
				secret, none := store(t, "old", []byte(passphrase+"\n")), store(t, "new", nil)
				out := filepath.Join(t.TempDir(), "out")
				to := "private"
				if f, err := Read(path); err != nil || f.Format == PPK {
					to = "private-openssh-new"
				}
				if _, err := tryTool(t, "puttygen", path, "-O", to, "-o", out, "--old-passphrase", secret, "--new-passphrase", none,
					"--ppk-param", "memory=64,passes=1"); err != nil {
					return nil, err
				}
				return publicLine(tryTool(t, "puttygen", out, "-O", "public-openssh"))
			},
		},
	}
}

func publicLine(out string, err error) (ssh.PublicKey, error) {
	if err != nil {
		return nil, errors.New(out)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(out))
	return key, err
}

func TestToolsReadOurs(t *testing.T) {
	for _, reader := range readerTools() {
		for _, w := range allWritten() {
			for _, kind := range keyKinds() {
				for _, passphrase := range passphrases() {
					o := w.options
					o.Passphrase, o.Comment = []byte(passphrase), "naïve comment"
					if o.Check(string(kind.kind)) != nil {
						continue // TestCheck has these
					}
					t.Run(strings.Join([]string{reader.name, w.name, kind.name, passphrase}, "/"), func(t *testing.T) {
						t.Parallel()
						path := store(t, "key", kind.marshal(t, o))
						public, err := reader.public(t, path, passphrase)
						if why := reader.cannot(w, kind, passphrase); why != "" {
							if err == nil {
								t.Fatalf("it reads this now (%s): mend the table", why)
							}
							return
						}
						if err != nil {
							t.Fatal(err)
						}
						if !sameKey(public, kind.key(t).Public) {
							t.Error("public half differs")
						}
						if passphrase == "" {
							return
						}
						if _, err := reader.public(t, path, "not this"); err == nil {
							t.Error("opened with a wrong passphrase")
						}
					})
				}
			}
		}
	}
}

// TestReadOurs: what we write we read, whole.
func TestReadOurs(t *testing.T) {
	for _, w := range allWritten() {
		for _, kind := range keyKinds() {
			for _, passphrase := range passphrases() {
				o := w.options
				o.Passphrase, o.Comment = []byte(passphrase), "naïve comment"
				if o.Check(string(kind.kind)) != nil {
					continue
				}
				t.Run(w.name+"/"+kind.name+"/"+passphrase, func(t *testing.T) {
					t.Parallel()
					f, key := mustOpen(t, store(t, "key", kind.marshal(t, o)), passphrase, kind.key(t))
					if f.Format != o.Format || f.Version != o.PPKVersion || f.Encrypted != (passphrase != "") || f.NeedsRepair || f.Unprotected {
						t.Errorf("read as %+v", f)
					}
					if hidden := o.Format == PKCS8 && passphrase != ""; f.Hidden() != hidden {
						t.Errorf("hidden is %v", f.Hidden())
					}
					if (o.Format == OpenSSH || o.Format == PPK) && key.Comment != "naïve comment" {
						t.Errorf("comment is %q", key.Comment)
					}
					refusesWrong(t, f)
				})
			}
		}
	}
}

// TestWrittenParameters holds Marshal's own key derivations against what the
// documentation says of them. The matrices open what is written, at less cost.
func TestWrittenParameters(t *testing.T) {
	t.Parallel()
	key := keyKinds()[4].key(t)
	for _, c := range []struct {
		options Options
		want    Encryption
	}{
		{Options{Format: OpenSSH}, Encryption{Cipher: "aes256-ctr", KDF: "bcrypt", Rounds: 24}},
		{Options{Format: PKCS8}, Encryption{Cipher: "aes-256-cbc", KDF: "pbkdf2", Rounds: 600_000}},
		{Options{Format: PPK}, Encryption{Cipher: "aes256-cbc", KDF: "argon2id", MemoryKiB: 8192, Passes: 13, Parallelism: 1}},
		{Options{Format: PPK, PPKVersion: 2}, Encryption{Cipher: "aes256-cbc", KDF: "sha1", Rounds: 1}},
	} {
		c.options.Passphrase = []byte("open sesame")
		data, err := key.Marshal(c.options)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		if f.Encryption != c.want {
			t.Errorf("%s: %+v, want %+v", c.options.Format, f.Encryption, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	secret := []byte("x")
	for _, c := range []struct {
		options   Options
		keyType   string
		refused   bool
		encrypted bool
	}{
		{Options{Format: OpenSSH, Passphrase: secret}, "ed25519", false, false},
		{Options{Format: PKCS8, Passphrase: secret}, "rsa", false, false},
		{Options{Format: PPK, PPKVersion: 2, Passphrase: secret}, "ecdsa", false, false},
		{Options{Format: PEM}, "rsa", false, false},
		{Options{Format: PEM}, "ecdsa-sha2-nistp521", false, false},
		{Options{Format: PEM}, "ed25519", true, false},
		{Options{Format: PEM}, "ssh-ed25519", true, false},
		{Options{Format: PEM, Passphrase: secret}, "ed25519", true, false},
		{Options{Format: PEM, Passphrase: secret}, "rsa", true, true},
		{Options{Format: PEM, Passphrase: secret}, "ssh-rsa", true, true},
		{Options{Format: OpenSSH}, "ssh-dss", true, false},
		{Options{Format: Public}, "rsa", true, false},
		{Options{}, "rsa", true, false},
	} {
		err := c.options.Check(c.keyType)
		var refused *FormatError
		if errors.As(err, &refused) != c.refused || c.refused && refused.Encrypted != c.encrypted {
			t.Errorf("%s of %s: %v", c.options.Format, c.keyType, err)
		}
	}
	var unsupported *UnsupportedError
	if err := (Options{Format: PPK, PPKVersion: 1}).Check("rsa"); !errors.As(err, &unsupported) {
		t.Errorf("PPK version 1: %v", err)
	}
	if _, err := keyKinds()[4].key(t).Marshal(Options{Format: PEM}); err == nil {
		t.Error("Marshal does what Check refuses")
	}
}

// TestPublicFormats: authorized_keys lines and RFC 4716 both ways.
func TestPublicFormats(t *testing.T) {
	for _, kind := range keyKinds() {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			key := kind.key(t)
			const comment = "someone@host, with a rather long comment: 60 bytes of it, ö"
			longer := comment + " and more"
			line := store(t, "key.pub", AuthorizedKey(key.Public, comment))
			ssh2 := store(t, "key.ssh2", SSH2PublicKey(key.Public, longer))

			imported := tool(t, "ssh-keygen", "-i", "-f", ssh2)
			if public, err := publicLine(imported, nil); err != nil || !sameKey(public, key.Public) {
				t.Errorf("ssh-keygen reads RFC 4716 as %q: %v", imported, err)
			}
			if theirs := tool(t, "puttygen", ssh2, "-O", "public-openssh"); theirs != string(AuthorizedKey(key.Public, comment)) {
				t.Errorf("puttygen reads RFC 4716 as\n%s", theirs)
			}
			listed := strings.Fields(tool(t, "ssh-keygen", "-l", "-f", line))
			if listed[1] != ssh.FingerprintSHA256(key.Public) {
				t.Errorf("fingerprint %s", listed[1])
			}
			for _, out := range []string{tool(t, "ssh-keygen", "-e", "-f", line), tool(t, "puttygen", line, "-O", "public")} {
				f, err := Parse([]byte(out))
				if err != nil || f.Format != RFC4716 || !sameKey(f.Public, key.Public) {
					t.Errorf("%v reading\n%s", err, out)
				}
			}
			var corrupt *CorruptError
			if _, err := Parse(bytes.TrimSuffix(SSH2PublicKey(key.Public, ""), []byte(ssh2End+"\n"))); !errors.As(err, &corrupt) {
				t.Errorf("RFC 4716 without its end: %v", err)
			}
			for path, format := range map[string]Format{line: Public, ssh2: RFC4716} {
				f, err := Read(path)
				if err != nil || f.Format != format || f.Comment != comment || !sameKey(f.Public, key.Public) {
					t.Errorf("%s: %+v, %v", path, f, err)
				}
				if _, err := f.Open(nil); !errors.Is(err, ErrNoPrivate) {
					t.Errorf("opened: %v", err)
				}
			}
		})
	}
}
