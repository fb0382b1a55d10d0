package keystore

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// opensshFile is an unencrypted file of any key type, with fields as they stand on the wire.
func opensshFile(name string, public, private []byte) []byte {
	blob := append(appendString(nil, name), public...)
	section := append(make([]byte, 8), appendString(nil, name)...)
	section = appendString(append(section, private...), "me")
	for pad := byte(1); len(section)%8 != 0; pad++ {
		section = append(section, pad)
	}
	out := appendString(appendString(appendString([]byte(opensshMagic), "none"), "none"), "")
	out = appendString(appendUint32(out, 1), blob)
	return encodePEM(labelOpenSSH, appendString(out, section))
}

// TestFIDO: a security key's file is recognised and matched, and its key used
// through an agent only (OpenSSH, PROTOCOL.u2f).
func TestFIDO(t *testing.T) {
	public := appendString(appendString(nil, make([]byte, 32)), "ssh:")
	private := append(bytes.Clone(public), 1)                       // flags
	private = appendString(appendString(private, "key handle"), "") // reserved
	data := opensshFile("sk-ssh-ed25519@openssh.com", public, private)
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if f.Type != "sk-ssh-ed25519@openssh.com" || f.Comment != "me" {
		t.Errorf("%+v", f)
	}
	var unsupported *UnsupportedError
	if _, err := f.Open(nil); !errors.As(err, &unsupported) || !strings.Contains(unsupported.Why, "agent") {
		t.Errorf("opened: %v", err)
	}
	h := newHome(t)
	path := h.put(".ssh/id_ed25519_sk", data)
	r := find(t, Search{Home: h.string}, Wanted{Public: f.Public})
	equal(t, "found", h.told(r))
	equal(t, "missed", h.misses(r), ".ssh/id_ed25519_sk: unusable")
	if !errors.As(r.Misses[0].Err, &unsupported) || unsupported.Path != path {
		t.Errorf("%v", r.Misses[0].Err)
	}
}

// TestForeignTypes: of a key type that is not known, the public half is told.
func TestForeignTypes(t *testing.T) {
	const name = "ssh-mldsa44-ed25519@openssh.com"
	public := appendString(nil, make([]byte, 1344))
	data := opensshFile(name, public, appendString(nil, make([]byte, 64)))
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if f.Type != name || !bytes.HasSuffix(f.Public.Marshal(), public) {
		t.Errorf("type %q", f.Type)
	}
	var unsupported *UnsupportedError
	if _, err := f.Open(nil); !errors.As(err, &unsupported) {
		t.Errorf("opened: %v", err)
	}
	line := AuthorizedKey(f.Public, "me")
	again, err := Parse(line)
	if err != nil || !sameKey(again.Public, f.Public) || again.Comment != "me" {
		t.Errorf("its line: %+v, %v", again, err)
	}
	if err := f.Public.Verify(nil, &ssh.Signature{}); err == nil {
		t.Error("verified")
	}
}

func TestParsePublicBlob(t *testing.T) {
	key := fresh(t).Public
	var corrupt *CorruptError
	for name, blob := range map[string][]byte{
		"nothing":     nil,
		"no type":     appendString(nil, ""),
		"a space":     appendString(nil, "ssh ed448"),
		"a line":      appendString(nil, "ssh-ed448\nssh-rsa"),
		"a long type": appendString(nil, strings.Repeat("a", 65)),
		"cut off":     key.Marshal()[:40],
		"more":        append(key.Marshal(), 0),
	} {
		if k, err := parsePublicBlob(blob); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
}

func TestFormatNames(t *testing.T) {
	for _, f := range []Format{OpenSSH, PEM, PKCS8, PPK} {
		if got, ok := ParseFormat(f.String()); !ok || got != f {
			t.Errorf("%s is read as %s", f, got)
		}
	}
	for _, name := range []string{"", "unknown", "public", "rfc4716", "PPK"} {
		if got, ok := ParseFormat(name); ok {
			t.Errorf("%q is read as %s", name, got)
		}
	}
}

func TestNotKeys(t *testing.T) {
	for _, text := range []string{
		"", "\n", "Host *\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "\xff\xfe", "ssh-ed25519 AAAA me\n",
	} {
		if f, err := Parse([]byte(text)); !errors.Is(err, ErrNotKey) {
			t.Errorf("%q: %+v, %v", text, f, err)
		}
	}
	var unsupported *UnsupportedError
	for _, text := range []string{
		ppkBegin + "4: ssh-ed25519\n", ppkBegin + "1: ssh-rsa\n", "SSH PRIVATE KEY FILE FORMAT 1.1\n\x00",
		"-----BEGIN GOST PRIVATE KEY-----\nAAAA\n-----END GOST PRIVATE KEY-----\n",
	} {
		if f, err := Parse([]byte(text)); !errors.As(err, &unsupported) {
			t.Errorf("%q: %+v, %v", text, f, err)
		}
	}
}
