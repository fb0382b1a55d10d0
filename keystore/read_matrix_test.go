package keystore

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What ssh-keygen, openssl and puttygen write, we read. Each test converts one key by
// the tool and compares the private half.

// passphrases: none, and one that is not ASCII.
func passphrases() []string { return []string{"", "schlüssel €"} }

func TestReadSSHKeygen(t *testing.T) {
	for _, kind := range keyKinds() {
		for _, passphrase := range passphrases() {
			for _, format := range []string{"RFC4716", "PEM", "PKCS8"} { // RFC4716: OpenSSH's own for private keys
				t.Run(kind.name+"/"+format+"/"+passphrase, func(t *testing.T) {
					t.Parallel()
					path := store(t, "key", kind.marshal(t, Options{Format: OpenSSH, Comment: "a comment"}))
					out, err := tryTool(t, "ssh-keygen", "-p", "-a", "1", "-m", format, "-P", "", "-N", passphrase, "-f", path)
					if kind.name == "ed25519" && format != "RFC4716" {
						// It writes its own format instead (PEM), or refuses (PKCS8).
						if err == nil && isFormat(t, path, PEM, PKCS8) {
							t.Fatalf("ssh-keygen now writes ed25519 as %s: mend the table", format)
						}
						return
					}
					if err != nil {
						t.Fatalf("%v\n%s", err, out)
					}
					f, key := mustOpen(t, path, passphrase, kind.key(t))
					want := map[string]Format{"RFC4716": OpenSSH, "PEM": PEM, "PKCS8": PKCS8}[format]
					if f.Format != want || f.Encrypted != (passphrase != "") || f.NeedsRepair {
						t.Errorf("read as %s, encrypted %v, needs repair %v", f.Format, f.Encrypted, f.NeedsRepair)
					}
					if format == "RFC4716" && key.Comment != "a comment" {
						t.Errorf("comment is %q", key.Comment)
					}
					refusesWrong(t, f)
				})
			}
		}
	}
}

func isFormat(t *testing.T, path string, formats ...Format) bool {
	t.Helper()
	f, err := Read(path)
	return err == nil && slices.Contains(formats, f.Format)
}

// refusesWrong opens with no and with a wrong passphrase.
func refusesWrong(t *testing.T, f *File) {
	t.Helper()
	if !f.Encrypted {
		return
	}
	var wrong *WrongPassphraseError
	if _, err := f.Open([]byte("not this")); !errors.As(err, &wrong) {
		t.Errorf("wrong passphrase: %v", err)
	}
	var missing *PassphraseMissingError
	if _, err := f.Open(nil); !errors.As(err, &missing) {
		t.Errorf("no passphrase: %v", err)
	}
}

// TestReadOpenSSHCiphers takes every cipher that ssh-keygen -Z offers.
func TestReadOpenSSHCiphers(t *testing.T) {
	ciphers := strings.Fields(tool(t, "ssh", "-Q", "cipher"))
	if len(ciphers) < 10 {
		t.Fatalf("ssh knows only %q", ciphers)
	}
	for _, cipher := range ciphers {
		for _, kind := range []keyKind{keyKinds()[0], keyKinds()[4]} {
			t.Run(cipher+"/"+kind.name, func(t *testing.T) {
				t.Parallel()
				path := store(t, "key", kind.marshal(t, Options{Format: OpenSSH}))
				tool(t, "ssh-keygen", "-p", "-a", "1", "-Z", cipher, "-P", "", "-N", "open sesame", "-f", path)
				f, _ := mustOpen(t, path, "open sesame", kind.key(t))
				if f.Encryption.Cipher != cipher || f.Encryption.KDF != "bcrypt" || f.Encryption.Rounds != 1 {
					t.Errorf("encryption is %+v", f.Encryption)
				}
				refusesWrong(t, f)
			})
		}
	}
}

func TestReadOpenSSL(t *testing.T) {
	type recipe struct {
		name  string
		kinds string // where it exists; "": all
		args  []string
	}
	recipes := []recipe{
		{"pkcs8", "", []string{"pkey"}},
		{"traditional", "rsa ecdsa256 ecdsa384 ecdsa521", []string{"pkey", "-traditional"}},
		{"scrypt", "", []string{"pkcs8", "-topk8", "-scrypt", "-passout", "pass:schlüssel €"}},
	}
	for _, cipher := range []string{"des3", "aes128", "aes192", "aes256"} {
		recipes = append(recipes, recipe{"dek-" + cipher, "rsa ecdsa256 ecdsa521",
			[]string{"pkey", "-traditional", "-" + cipher, "-passout", "pass:schlüssel €"}})
	}
	for _, encryption := range []string{"des3 hmacWithSHA256", "aes-128-cbc hmacWithSHA256", "aes-192-cbc hmacWithSHA256",
		"aes-256-cbc hmacWithSHA1", "aes-256-cbc hmacWithSHA224", "aes-256-cbc hmacWithSHA256", "aes-256-cbc hmacWithSHA384",
		"aes-256-cbc hmacWithSHA512"} {
		cipher, prf, _ := strings.Cut(encryption, " ")
		recipes = append(recipes, recipe{encryption, "rsa ed25519",
			[]string{"pkcs8", "-topk8", "-v2", cipher, "-v2prf", prf, "-passout", "pass:schlüssel €"}})
	}
	for _, r := range recipes {
		for _, kind := range keyKinds() {
			if r.kinds != "" && !slices.Contains(strings.Fields(r.kinds), kind.name) {
				continue
			}
			t.Run(r.name+"/"+kind.name, func(t *testing.T) {
				t.Parallel()
				in := store(t, "in.pem", kind.marshal(t, Options{Format: PKCS8}))
				out := filepath.Join(t.TempDir(), "out.pem")
				tool(t, "openssl", append(r.args, "-in", in, "-out", out)...)
				f, _ := mustOpen(t, out, "schlüssel €", kind.key(t))
				refusesWrong(t, f)
			})
		}
	}
}

// TestRefuseOpenSSL names what is recognised and not read.
func TestRefuseOpenSSL(t *testing.T) {
	rsa := store(t, "in.pem", keyKinds()[0].marshal(t, Options{Format: PKCS8}))
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"PBES1", []string{"pkcs8", "-topk8", "-in", rsa, "-v1", "PBE-SHA1-3DES", "-passout", "pass:x"}, "PKCS#8 encryption"},
		{"DSA", []string{"dsaparam", "-genkey", "-noout", "1024"}, "ssh-dss"},
		{"secp256k1", []string{"ecparam", "-name", "secp256k1", "-genkey", "-noout"}, "EC curve"},
		{"secp224r1", []string{"ecparam", "-name", "secp224r1", "-genkey"}, "EC curve"},
		{"explicit", []string{"ecparam", "-name", "prime256v1", "-genkey", "-noout", "-param_enc", "explicit"}, "explicit parameters"},
		{"Ed448", []string{"genpkey", "-algorithm", "ED448"}, "ssh-ed448"},
		{"X25519", []string{"genpkey", "-algorithm", "X25519"}, "PKCS#8 algorithm"},
		{"RSA-PSS", []string{"genpkey", "-algorithm", "RSA-PSS"}, "PKCS#8 algorithm"},
		{"RSA 512", []string{"genrsa", "-traditional", "512"}, "RSA of 512 bits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out.pem")
			tool(t, "openssl", append([]string{c.args[0], "-out", out}, c.args[1:]...)...)
			_, err := Read(out)
			var unsupported *UnsupportedError
			if !errors.As(err, &unsupported) || !strings.Contains(unsupported.What, c.want) {
				t.Errorf("got %v, want unsupported %s", err, c.want)
			}
		})
	}
}

// TestReadECParameters: `openssl ecparam -genkey` puts another block before the key.
func TestReadECParameters(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.pem")
	tool(t, "openssl", "ecparam", "-name", "secp384r1", "-genkey", "-out", out)
	f, err := Read(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Open(nil); err != nil || f.Bits != 384 {
		t.Errorf("%d bits, %v", f.Bits, err)
	}
}

func TestReadPuTTYgen(t *testing.T) {
	type recipe struct {
		name   string
		format string
		param  string
		want   Format
	}
	recipes := []recipe{
		{"ppk2", "private", "version=2", PPK},
		{"ppk3-argon2id", "private", "version=3,kdf=argon2id,memory=64,passes=2", PPK},
		{"ppk3-argon2i", "private", "version=3,kdf=argon2i,memory=64,passes=2", PPK},
		{"ppk3-argon2d", "private", "version=3,kdf=argon2d,memory=64,passes=2,parallelism=3", PPK},
		{"private-openssh", "private-openssh", "version=3", PEM},
		{"private-openssh-new", "private-openssh-new", "version=3", OpenSSH},
	}
	for _, kind := range keyKinds() {
		for _, r := range recipes {
			for _, passphrase := range passphrases() {
				want := r.want
				if want == PEM && kind.name == "ed25519" {
					want = OpenSSH
				}
				if want == OpenSSH && passphrase != "" && kind.name != "ecdsa256" {
					continue // 16 rounds of bcrypt, whatever the key
				}
				t.Run(kind.name+"/"+r.name+"/"+passphrase, func(t *testing.T) {
					t.Parallel()
					from := Options{Format: OpenSSH, Comment: "naïve comment"}
					if r.want == OpenSSH { // it converts no format to itself
						from.Format, from.PPKVersion = PPK, 3
					}
					in := store(t, "in", kind.marshal(t, from))
					secret := store(t, "passphrase", []byte(passphrase+"\n"))
					out := filepath.Join(t.TempDir(), "out")
					tool(t, "puttygen", in, "-O", r.format, "--ppk-param", r.param, "--new-passphrase", secret, "-o", out)
					f, key := mustOpen(t, out, passphrase, kind.key(t))
					if f.Format != want || f.Encrypted != (passphrase != "") {
						t.Errorf("read as %s, encrypted %v", f.Format, f.Encrypted)
					}
					if want != PEM && key.Comment != "naïve comment" {
						t.Errorf("comment is %q", key.Comment)
					}
					refusesWrong(t, f)
				})
			}
		}
	}
}

// TestReadPPKFromWindows: there the passphrase was typed in Windows-1252.
func TestReadPPKFromWindows(t *testing.T) {
	kind := keyKinds()[4]
	in := store(t, "in", kind.marshal(t, Options{Format: OpenSSH}))
	secret := store(t, "passphrase", []byte("schl\xFCssel \x80 \x9C\n"))
	out := filepath.Join(t.TempDir(), "out")
	tool(t, "puttygen", in, "--ppk-param", "memory=64,passes=1", "--new-passphrase", secret, "-o", out)
	mustOpen(t, out, "schlüssel € œ", kind.key(t))
}

func TestRefusePuTTYgen(t *testing.T) {
	for name, args := range map[string][]string{
		"ssh-ed448": {"-t", "ed448"},
		"ssh-dss":   {"-t", "dsa", "-b", "1024"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out")
			secret := store(t, "passphrase", nil)
			tool(t, "puttygen", append(args, "-q", "-o", out, "--new-passphrase", secret, "--random-device", "/dev/urandom")...)
			f, err := Read(out)
			if err != nil {
				t.Fatal(err)
			}
			// The fingerprint can be told all the same.
			if f.Type != name || f.Public == nil {
				t.Errorf("type %q, public %v", f.Type, f.Public)
			}
			var unsupported *UnsupportedError
			if _, err := f.Open(nil); !errors.As(err, &unsupported) || unsupported.What != name {
				t.Errorf("got %v", err)
			}
			line := strings.TrimSpace(tool(t, "puttygen", out, "-O", "public-openssh"))
			if ours := string(AuthorizedKey(f.Public, f.Comment)); strings.TrimSpace(ours) != line {
				t.Errorf("public line\n%s\nputtygen:\n%s", ours, line)
			}
		})
	}
	sshcom := filepath.Join(t.TempDir(), "out")
	in := store(t, "in", keyKinds()[0].marshal(t, Options{Format: OpenSSH}))
	tool(t, "puttygen", in, "-O", "private-sshcom", "-o", sshcom, "--new-passphrase", store(t, "p", nil))
	var unsupported *UnsupportedError
	if _, err := Read(sshcom); !errors.As(err, &unsupported) {
		t.Errorf("ssh.com: %v", err)
	}
}

// TestReadCertificates: a certificate beside a key, and one within a PPK.
func TestReadCertificates(t *testing.T) {
	kind := keyKinds()[4]
	path := store(t, "key", kind.marshal(t, Options{Format: OpenSSH}))
	ca := filepath.Join(t.TempDir(), "ca")
	tool(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ca)
	if err := os.WriteFile(path+".pub", AuthorizedKey(kind.key(t).Public, ""), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "ssh-keygen", "-q", "-s", ca, "-I", "someone", "-n", "debian", path+".pub")
	f, _ := mustOpen(t, path, "", kind.key(t))
	if f.Certificate == nil || f.Certificate.KeyId != "someone" {
		t.Fatalf("certificate beside: %+v", f.Certificate)
	}
	// Beside another key it is nothing.
	stranger := store(t, "key", as(t, fresh(t), Options{Format: OpenSSH}))
	if data, err := os.ReadFile(path + "-cert.pub"); err != nil || os.WriteFile(stranger+"-cert.pub", data, 0o600) != nil {
		t.Fatal(err)
	}
	if f, err := Read(stranger); err != nil || f.Certificate != nil {
		t.Errorf("certificate of another key: %+v, %v", f.Certificate, err)
	}
	ppk := filepath.Join(t.TempDir(), "key.ppk")
	tool(t, "puttygen", path, "--certificate", path+"-cert.pub", "-o", ppk, "--new-passphrase", store(t, "p", nil))
	f, key := mustOpen(t, ppk, "", kind.key(t))
	if f.Certificate == nil || key.Certificate == nil || f.Type != "ssh-ed25519" {
		t.Fatalf("certificate within a PPK: %+v, type %q", f.Certificate, f.Type)
	}
	// Written again, it is still there.
	again := store(t, "again.ppk", as(t, key, Options{Format: PPK, PPKVersion: 2}))
	if out := tool(t, "puttygen", again, "--cert-info"); !strings.Contains(out, "someone") {
		t.Errorf("puttygen tells of the certificate: %s", out)
	}
	f, _ = mustOpen(t, again, "", kind.key(t))
	if f.Certificate == nil {
		t.Error("certificate is lost")
	}
}
