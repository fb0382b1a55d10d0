package keystore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ssh"
)

// TestHalves: each number of a key is held against the others.
func TestHalves(t *testing.T) {
	key := keyKinds()[0].key(t).Private.(*rsa.PrivateKey)
	numbers, err := rsaNumbers(key)
	if err != nil {
		t.Fatal(err)
	}
	all := []*big.Int{key.N, big.NewInt(int64(key.E)), numbers.d, numbers.iqmp, numbers.p, numbers.q}
	build := func(n []*big.Int) error {
		_, err := newRSA(n[0], n[1], n[2], n[3], n[4], n[5])
		return err
	}
	if err := build(all); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	for i := range all {
		for _, wrong := range []*big.Int{new(big.Int).Add(all[i], big.NewInt(2)), new(big.Int), big.NewInt(1)} {
			changed := append([]*big.Int(nil), all...)
			changed[i] = wrong
			var unsupported *UnsupportedError // a modulus of no size is that
			if err := build(changed); !errors.As(err, &corrupt) && (i != 0 || !errors.As(err, &unsupported)) {
				t.Errorf("number %d is %s: %v", i, wrong, err)
			}
		}
	}

	curve := keyKinds()[1].key(t).Private.(*ecdsa.PrivateKey)
	point, scalar, err := ecdsaNumbers(curve)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newECDSA("nistp256", point, scalar); err != nil {
		t.Error(err)
	}
	for name, f := range map[string]func() error{
		"another scalar": func() error {
			_, err := newECDSA("nistp256", point, new(big.Int).Add(scalar, big.NewInt(1)))
			return err
		},
		"a scalar of 0":  func() error { _, err := newECDSA("nistp256", point, new(big.Int)); return err },
		"a long scalar":  func() error { _, err := newECDSA("nistp256", point, new(big.Int).Lsh(scalar, 64)); return err },
		"the order":      func() error { _, err := newECDSA("nistp256", point, curve.Params().N); return err },
		"no point":       func() error { _, err := newECDSA("nistp256", nil, scalar); return err },
		"another public": func() error { _, err := newEd25519(make([]byte, 32), make([]byte, 32)); return err },
		"a short seed":   func() error { _, err := newEd25519(make([]byte, 31), make([]byte, 32)); return err },
	} {
		if err := f(); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var unsupported *UnsupportedError
	if _, err := newECDSA("nistp224", point, scalar); !errors.As(err, &unsupported) {
		t.Errorf("P-224: %v", err)
	}
}

// TestOpenSSHLies: files that only a hand can have made.
func TestOpenSSHLies(t *testing.T) {
	key, other := fresh(t).Private.(ed25519.PrivateKey), fresh(t).Private.(ed25519.PrivateKey)
	public := appendString(nil, key[32:])
	whole := opensshFile(ssh.KeyAlgoED25519, public, appendString(public[:36:36], key))
	if _, err := mustParse(t, whole).Open(nil); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	mixed := append(bytes.Clone(key[:32]), other[32:]...)
	if _, err := mustParse(t, opensshFile(ssh.KeyAlgoED25519, public, appendString(public[:36:36], mixed))).Open(nil); !errors.As(err, &corrupt) {
		t.Errorf("two public keys: %v", err)
	}
	padded, _ := pem.Decode(whole)
	padded.Bytes[len(padded.Bytes)-1]++
	if _, err := Parse(pem.EncodeToMemory(padded)); !errors.As(err, &corrupt) {
		t.Errorf("wrong padding: %v", err)
	}
	block, _ := pem.Decode(opensshWith(16))
	for name, change := range map[string]func([]byte) []byte{
		"an uneven section": func(b []byte) []byte { return append(b[:len(b)-132], appendString(nil, make([]byte, 127))...) },
		"an empty section":  func(b []byte) []byte { return append(b[:len(b)-132], 0, 0, 0, 0) },
		"more behind":       func(b []byte) []byte { return append(b, 0) },
		"another beginning": func(b []byte) []byte { return b[1:] },
		"a KDF and no cipher": func(b []byte) []byte {
			return bytes.Replace(b, appendString(nil, "aes256-ctr"), appendString(nil, "none"), 1)
		},
	} {
		if _, err := Parse(encodePEM(labelOpenSSH, change(bytes.Clone(block.Bytes)))); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var unsupported *UnsupportedError
	for old, changed := range map[string]string{"aes256-ctr": "rot13", "bcrypt": "argon2"} {
		data := bytes.Replace(block.Bytes, appendString(nil, old), appendString(nil, changed), 1)
		if _, err := Parse(encodePEM(labelOpenSSH, data)); !errors.As(err, &unsupported) {
			t.Errorf("%s: %v", changed, err)
		}
	}
}

func mustParse(t *testing.T, data []byte) *File {
	t.Helper()
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWire(t *testing.T) {
	for name, data := range map[string][]byte{
		"cut off":    {0, 0, 0, 2, 1},
		"no length":  {0, 0, 0},
		"4 GiB":      {0xff, 0xff, 0xff, 0xff, 1},
		"negative":   {0, 0, 0, 1, 0x80},
		"a long one": appendString(nil, append([]byte{0}, bytes.Repeat([]byte{1}, maxRSABits/8+1)...)),
	} {
		w := wire{rest: data}
		if n := w.mpint(); !w.bad || n.Sign() != 0 {
			t.Errorf("%s: %v", name, n)
		}
		if w.uint32() != 0 || w.byte() != 0 || w.string() != nil {
			t.Errorf("%s: goes on after a failure", name)
		}
	}
	for _, n := range []int64{0, 1, 127, 128, 255, 256} {
		w := wire{rest: appendMpint(nil, big.NewInt(n))}
		if got := w.mpint(); w.bad || got.Int64() != n || len(w.rest) != 0 {
			t.Errorf("%d is read as %d", n, got)
		}
	}
}

// TestPKCS8Public: RFC 5958 may carry the public key, which must be the right one.
func TestPKCS8Public(t *testing.T) {
	key := fresh(t).Private.(ed25519.PrivateKey)
	write := func(public []byte, behind bool) []byte {
		var b cryptobyte.Builder
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1)
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid(oidEd25519)) })
			b.AddASN1(casn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(key.Seed()) })
			b.AddASN1(casn1.Tag(1).ContextSpecific(), func(b *cryptobyte.Builder) {
				b.AddUint8(0)
				b.AddBytes(public)
			})
			if behind {
				b.AddASN1NULL()
			}
		})
		return encodePEM(labelPKCS8, b.BytesOrPanic())
	}
	if _, err := Parse(write(key[32:], false)); err != nil {
		t.Error(err)
	}
	var corrupt *CorruptError
	if _, err := Parse(write(make([]byte, 32), false)); !errors.As(err, &corrupt) {
		t.Errorf("another public key: %v", err)
	}
	if _, err := Parse(write(key[32:], true)); !errors.As(err, &corrupt) {
		t.Errorf("more behind it: %v", err)
	}
}

// TestSEC1Public: the point of another key, or more than the structure has.
func TestSEC1Public(t *testing.T) {
	key := keyKinds()[1].key(t).Private.(*ecdsa.PrivateKey)
	other := keyKinds()[2].key(t).Private.(*ecdsa.PrivateKey)
	scalar, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	compressed := append([]byte{2 + point[64]&1}, point[1:33]...)
	type structure struct {
		Version int
		Scalar  []byte
		Curve   asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
		Point   asn1.BitString        `asn1:"optional,explicit,tag:1"`
	}
	for name, c := range map[string]struct {
		scalar, point []byte
		good          bool
	}{
		"whole":      {scalar, point, true},
		"compressed": {scalar, compressed, true},
		"no point":   {scalar, nil, true},
		"mpint":      {append([]byte{0}, scalar...), point, true},
		"foreign":    {scalar, foreign, false},
		"swapped":    {scalar, append([]byte{compressed[0] ^ 1}, compressed[1:]...), false},
		"too long":   {append([]byte{1}, scalar...), nil, false},
		"zero":       {make([]byte, 32), nil, false},
	} {
		s := structure{Version: 1, Scalar: c.scalar, Curve: oid("1.2.840.10045.3.1.7")}
		if c.point != nil {
			s.Point = asn1.BitString{Bytes: c.point, BitLength: 8 * len(c.point)}
		}
		der, err := asn1.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var corrupt *CorruptError
		if _, err := Parse(encodePEM(labelEC, der)); (err == nil) != c.good || err != nil && !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPPKLies: files whose checksum is right, made by somebody who knows that
// a plain file's has no secret.
func TestPPKLies(t *testing.T) {
	key := keyKinds()[4].key(t)
	private, err := ppkPrivateBlob(key)
	if err != nil {
		t.Fatal(err)
	}
	whole := ppk{version: 3, algorithm: "ssh-ed25519", encryption: ppkPlain, public: key.Public.Marshal(), private: private}
	read := func(p ppk) error {
		p.mac = p.sum(nil, p.private)
		f, err := Parse(p.text())
		if err != nil {
			return err
		}
		_, err = f.Open(nil)
		return err
	}
	if err := read(whole); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	for name, change := range map[string]func(*ppk){
		"another algorithm": func(p *ppk) { p.algorithm = "ssh-rsa" },
		"another public":    func(p *ppk) { p.public = fresh(t).Public.Marshal() },
		"a cut public":      func(p *ppk) { p.public = p.public[:20] },
		"a cut private":     func(p *ppk) { p.private = p.private[:20] },
		"no private":        func(p *ppk) { p.private = nil },
		"over 256 KiB":      func(p *ppk) { p.private = append(bytes.Clone(p.private), make([]byte, 256<<10)...) },
		"a long seed":       func(p *ppk) { p.private = appendString(nil, make([]byte, 33)) },
	} {
		p := whole
		change(&p)
		if err := read(p); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	padded := whole
	padded.private = append(bytes.Clone(private), "any padding at all, of any length"...)
	if err := read(padded); err != nil {
		t.Errorf("padding: %v", err)
	}
}

// TestPPKForm: PuTTY's strict form.
func TestPPKForm(t *testing.T) {
	whole := string(as(t, fresh(t), Options{Format: PPK, Passphrase: []byte("x")}))
	for name, change := range map[string][2]string{
		"no encryption line": {"Encryption: aes256-cbc\n", ""},
		"no space":           {"Comment: ", "Comment:"},
		"count too large":    {"Public-Lines: 2", "Public-Lines: 3"},
		"count too small":    {"Public-Lines: 2", "Public-Lines: 1"},
		"count of 5461":      {"Public-Lines: 2", "Public-Lines: 5461"},
		"negative count":     {"Public-Lines: 2", "Public-Lines: -2"},
		"no derivation":      {"Key-Derivation: Argon2id\n", ""},
		"salt not hex":       {"Argon2-Salt: ", "Argon2-Salt: x"},
		"private part cut":   {"Private-Lines: 1", "Private-Lines: 0"},
		"no MAC":             {"Private-MAC: ", "Private-Hash: "},
	} {
		text := strings.Replace(whole, change[0], change[1], 1)
		if text == whole {
			t.Fatalf("%s: nothing to replace in\n%s", name, whole)
		}
		var corrupt *CorruptError
		if _, err := Parse([]byte(text)); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var unsupported *UnsupportedError
	for _, change := range [][2]string{{"aes256-cbc", "aes512-cbc"}, {"Argon2id", "Argon3"}} {
		if _, err := Parse([]byte(strings.Replace(whole, change[0], change[1], 1))); !errors.As(err, &unsupported) {
			t.Errorf("%s: %v", change[1], err)
		}
	}
	var corrupt *CorruptError
	uneven := strings.Replace(string(ppkWith("8", "1", "1")), "Private-Lines: 1\nAAAA", "Private-Lines: 1\n", 1)
	if _, err := Parse([]byte(uneven)); !errors.As(err, &corrupt) || corrupt.What != "encrypted part has a wrong length" {
		t.Errorf("an encrypted part of 45 bytes: %v", err)
	}
	if _, err := Parse([]byte(whole + "more\n")); err != nil {
		t.Errorf("text behind: %v", err)
	}
}
