package keystore

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"
)

// asker answers with the given passphrases, one a time, and counts.
type asker struct {
	answers []string
	asked   []Prompt
}

func (a *asker) ask(_ context.Context, p Prompt) ([]byte, error) {
	a.asked = append(a.asked, p)
	if len(a.answers) == 0 {
		return nil, errors.New("asked too often")
	}
	answer := a.answers[0]
	a.answers = a.answers[1:]
	return []byte(answer), nil
}

// one finds the one identity of a file.
func one(t *testing.T, path string, w Wanted) *Identity {
	t.Helper()
	r := find(t, Search{Explicit: []string{path}}, w)
	if len(r.Identities) != 1 {
		t.Fatalf("%d identities, misses %+v", len(r.Identities), r.Misses)
	}
	return r.Identities[0]
}

// signs makes a signature and verifies it.
func signs(t *testing.T, signer ssh.Signer) (*ssh.Signature, error) {
	t.Helper()
	data := []byte("data")
	signature, err := signer.Sign(rand.Reader, data)
	if err != nil {
		return nil, err
	}
	if err := signer.PublicKey().Verify(data, signature); err != nil {
		t.Errorf("signature: %v", err)
	}
	return signature, nil
}

func TestSignerAsksLate(t *testing.T) {
	key := fresh(t)
	path := store(t, "key", as(t, key, Options{Format: OpenSSH, Passphrase: []byte("right"), Comment: "me"}))
	a := &asker{answers: []string{"wrong", "right"}}
	signer, err := one(t, path, Wanted{Public: key.Public}).Signer(t.Context(), a.ask)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.asked) != 0 || !sameKey(signer.PublicKey(), key.Public) {
		t.Fatalf("asked %d times before signing", len(a.asked))
	}
	for range 2 {
		if _, err := signs(t, signer); err != nil {
			t.Fatal(err)
		}
	}
	if want := []Prompt{{Path: path, Try: 1}, {Path: path, Try: 2}}; !slices.Equal(a.asked, want) {
		t.Errorf("asked %+v", a.asked)
	}
}

func TestSignerGivesUp(t *testing.T) {
	key := fresh(t)
	path := store(t, "key", as(t, key, Options{Format: OpenSSH, Passphrase: []byte("right")}))
	id := one(t, path, Wanted{Public: key.Public})
	var wrong *WrongPassphraseError
	var missing *PassphraseMissingError
	for name, c := range map[string]struct {
		answers []string
		asks    int
		is      func(error) bool
	}{
		"three wrong ones": {[]string{"a", "b", "c", "right"}, 3, func(err error) bool { return errors.As(err, &wrong) }},
		"an empty one":     {[]string{"a", "", "right"}, 2, func(err error) bool { return errors.As(err, &missing) }},
		"the caller fails": {[]string{"a"}, 2, func(err error) bool { return err.Error() == "asked too often" }},
	} {
		t.Run(name, func(t *testing.T) {
			a := &asker{answers: c.answers}
			signer, err := id.Signer(t.Context(), a.ask)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time it does not ask again
				if _, err := signs(t, signer); err == nil || !c.is(err) {
					t.Errorf("got %v", err)
				}
			}
			if len(a.asked) != c.asks {
				t.Errorf("asked %d times", len(a.asked))
			}
		})
	}
	signer, err := id.Signer(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signs(t, signer); !errors.As(err, &missing) || missing.Path != path {
		t.Errorf("with nobody to ask: %v", err)
	}
}

// TestSignerHidden: a hidden public half is opened at once and compared.
func TestSignerHidden(t *testing.T) {
	key, other := fresh(t), fresh(t)
	h := newHome(t)
	path := h.put("Downloads/web.pem", as(t, key, Options{Format: PKCS8, Passphrase: []byte("right")}))
	sign := func(s Search, w Wanted) (ssh.Signer, error) {
		r := find(t, s, w)
		if len(r.Identities) != 1 {
			t.Fatalf("%d identities", len(r.Identities))
		}
		return r.Identities[0].Signer(t.Context(), (&asker{answers: []string{"right"}}).ask)
	}
	if signer, err := sign(Search{Home: h.string}, Wanted{Public: key.Public, Name: "web"}); err != nil || !sameKey(signer.PublicKey(), key.Public) {
		t.Errorf("the right key: %v", err)
	}
	var mismatch *MismatchError
	if _, err := sign(Search{Home: h.string}, Wanted{Public: other.Public, Name: "web"}); !errors.As(err, &mismatch) || !sameKey(mismatch.Have, key.Public) {
		t.Errorf("another key: %v", err)
	}
	if _, err := sign(Search{Explicit: []string{path}}, Wanted{Public: other.Public}); err != nil {
		t.Errorf("another key, but named by the user: %v", err)
	}
	// A .pub beside that lies.
	h.put("Downloads/web.pem.pub", AuthorizedKey(other.Public, ""))
	signer, err := sign(Search{Home: h.string}, Wanted{Public: other.Public})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signs(t, signer); !errors.As(err, &mismatch) {
		t.Errorf("a .pub of another key: %v", err)
	}
}

// TestSignerChanged: the file is read anew, and may have become another.
func TestSignerChanged(t *testing.T) {
	key := fresh(t)
	path := store(t, "key", as(t, key, Options{Format: OpenSSH}))
	id := one(t, path, Wanted{Public: key.Public})
	if _, err := id.File.Open(nil); err != nil {
		t.Errorf("opening what a scan found: %v", err)
	}
	if err := os.WriteFile(path, as(t, fresh(t), Options{Format: OpenSSH}), 0o600); err != nil {
		t.Fatal(err)
	}
	var mismatch *MismatchError
	if _, err := id.Signer(t.Context(), nil); !errors.As(err, &mismatch) {
		t.Errorf("got %v", err)
	}
}

func TestSignerUnprotected(t *testing.T) {
	key := fresh(t)
	path := store(t, "key.pem", as(t, key, Options{Format: OpenSSH}))
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	id := one(t, path, Wanted{Public: key.Public})
	if !id.File.Unprotected {
		t.Error("0644 is not told")
	}
	var open *UnprotectedError
	if _, err := id.Signer(t.Context(), nil); !errors.As(err, &open) || open.Mode != 0o644 {
		t.Fatalf("got %v", err)
	}
	if err := Protect(path); err != nil {
		t.Fatal(err)
	}
	signer, err := id.Signer(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signs(t, signer); err != nil {
		t.Error(err)
	}
}

// TestSignerAlgorithms: RSA signs with SHA-2 only, whatever is asked.
func TestSignerAlgorithms(t *testing.T) {
	for _, kind := range keyKinds() {
		key := kind.key(t)
		signer, err := key.Signer()
		if err != nil {
			t.Fatal(err)
		}
		want := []string{key.Public.Type()}
		if kind.kind == RSA {
			want = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		}
		if got := signer.Algorithms(); !slices.Equal(got, want) {
			t.Errorf("%s: %q", kind.name, got)
		}
		if signature, err := signs(t, signer); err != nil || signature.Format != want[0] {
			t.Errorf("%s: %+v, %v", kind.name, signature, err)
		}
		if _, err := signer.SignWithAlgorithm(rand.Reader, nil, "ssh-rsa"); err == nil {
			t.Errorf("%s signs with ssh-rsa", kind.name)
		}
	}
}

// TestSignerCertificate: the certificate is offered before the key.
func TestSignerCertificate(t *testing.T) {
	for _, kind := range []keyKind{keyKinds()[0], keyKinds()[4]} {
		key := kind.key(t)
		path := store(t, "key", kind.marshal(t, Options{Format: OpenSSH}))
		if err := os.WriteFile(path+".pub", AuthorizedKey(key.Public, ""), 0o600); err != nil {
			t.Fatal(err)
		}
		ca := store(t, "ca", as(t, fresh(t), Options{Format: OpenSSH}))
		tool(t, "ssh-keygen", "-q", "-s", ca, "-I", "me", path+".pub")
		id := one(t, path, Wanted{Public: key.Public})
		tool(t, "ssh-keygen", "-q", "-h", "-s", ca, "-I", "a host", path+".pub")
		ofHost, err := one(t, path, Wanted{Public: key.Public}).Signers(t.Context(), nil)
		if err != nil || len(ofHost) != 1 {
			t.Errorf("with a host's certificate: %d signers, %v", len(ofHost), err)
		}
		signers, err := id.Signers(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(signers) != 2 || !sameKey(signers[1].PublicKey(), key.Public) {
			t.Fatalf("%d signers", len(signers))
		}
		if _, ok := signers[0].PublicKey().(*ssh.Certificate); !ok {
			t.Fatalf("the first signer has a %T", signers[0].PublicKey())
		}
		algorithms := signers[0].(ssh.MultiAlgorithmSigner).Algorithms()
		if kind.kind == RSA && !slices.Equal(algorithms, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}) {
			t.Errorf("algorithms %q", algorithms)
		}
	}
}

// TestSignerLogin: no passphrase is asked for a key that the server refuses.
func TestSignerLogin(t *testing.T) {
	for _, accepted := range []bool{true, false} {
		key := keyKinds()[0].key(t)
		path := store(t, "key", keyKinds()[0].marshal(t, Options{Format: OpenSSH, Passphrase: []byte("right")}))
		a := &asker{answers: []string{"right"}}
		signer, err := one(t, path, Wanted{Public: key.Public}).Signer(t.Context(), a.ask)
		if err != nil {
			t.Fatal(err)
		}
		err = login(t, signer, accepted)
		if accepted && (err != nil || len(a.asked) != 1) || !accepted && (err == nil || len(a.asked) != 0) {
			t.Errorf("accepted %v: %v, asked %d times", accepted, err, len(a.asked))
		}
	}
}

// login authenticates to a server in this process.
func login(t *testing.T, signer ssh.Signer, accepted bool) error {
	t.Helper()
	hostKey, err := fresh(t).Signer()
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !accepted || !sameKey(key, signer.PublicKey()) {
			return nil, errors.New("not this key")
		}
		return nil, nil
	}}
	config.AddHostKey(hostKey)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		server, channels, requests, err := ssh.NewServerConn(conn, config)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		for c := range channels {
			c.Reject(ssh.Prohibited, "")
		}
		server.Wait()
	}()
	client, err := ssh.Dial("tcp", listener.Addr().String(), &ssh.ClientConfig{
		User: "me", Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(hostKey.PublicKey()),
	})
	if err != nil {
		return err
	}
	return client.Close()
}
