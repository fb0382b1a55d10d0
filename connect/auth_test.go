package connect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestAuthRefused(t *testing.T) {
	f := newFake(t)
	f.config.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		return nil, errors.New("no")
	}
	f.config.KeyboardInteractiveCallback = func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		return nil, errors.New("no")
	}
	f.config.BannerCallback = func(ssh.ConnMetadata) string { return "keep \x1b[2Jout\n" }
	cfg := configFor(t)
	asked := 0
	cfg.Signers = func(context.Context) ([]ssh.Signer, error) {
		asked++
		return []ssh.Signer{newSigner(t), newSigner(t)}, nil
	}
	var banner string
	cfg.Banner = func(text string) error { banner += text; return nil }
	_, err := Dial(context.Background(), []Candidate{listen(t, f.serve)}, cfg)
	a := failedDial(t, err, StageAuth)[0]
	var refused *AuthError
	if !errors.As(a.Err, &refused) {
		t.Fatalf("got %v", a.Err)
	}
	want := AuthError{User: "cirros", Methods: []string{"publickey", "keyboard-interactive"}, Tried: []string{"none", "publickey"}, Offered: 2, Banner: "keep \x1b[2Jout\n"}
	if refused.User != want.User || !slices.Equal(refused.Methods, want.Methods) || !slices.Equal(refused.Tried, want.Tried) ||
		refused.Offered != want.Offered || refused.Banner != want.Banner || refused.Err != nil {
		t.Errorf("got %+v", refused)
	}
	if asked != 1 || banner != want.Banner {
		t.Errorf("asked %d times, banner %q", asked, banner)
	}
}

func TestSignersAreNotAskedWhereNoKeyWouldDo(t *testing.T) {
	f := newFake(t)
	f.config.PublicKeyCallback = nil
	f.config.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, errors.New("no") }
	cfg := configFor(t)
	cfg.Signers = func(context.Context) ([]ssh.Signer, error) { t.Error("asked"); return nil, nil }
	_, err := Dial(context.Background(), []Candidate{listen(t, f.serve)}, cfg)
	var refused *AuthError
	if !errors.As(err, &refused) || !slices.Equal(refused.Methods, []string{"password"}) {
		t.Errorf("got %v", err)
	}
}

func TestSignersFail(t *testing.T) {
	cfg := configFor(t)
	wrong := errors.New("wrong passphrase")
	cfg.HandshakeTimeout = 300 * time.Millisecond
	cfg.Signers = func(context.Context) ([]ssh.Signer, error) {
		time.Sleep(400 * time.Millisecond) // somebody types a passphrase: no timeout
		return nil, wrong
	}
	_, err := Dial(context.Background(), []Candidate{listen(t, newFake(t).serve)}, cfg)
	failedDial(t, err, StageAuth)
	if !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
}

func TestBannerIsBounded(t *testing.T) {
	f := newFake(t)
	f.config.BannerCallback = func(ssh.ConnMetadata) string { return strings.Repeat("x", maxBannerBytes+1) }
	_, err := Dial(context.Background(), []Candidate{listen(t, f.serve)}, configFor(t))
	failedDial(t, err, StageAuth)
	if !errors.Is(err, errBannerTooLong) {
		t.Errorf("got %v", err)
	}
}

// The text of x/crypto's disconnect message is all that there is of it: this
// holds disconnectForm to a real one.
func TestSSHDTooManyKeys(t *testing.T) {
	server := startSSHD(t, "MaxAuthTries 2")
	cfg := server.config
	cfg.Signers = func(context.Context) ([]ssh.Signer, error) {
		return []ssh.Signer{newSigner(t), newSigner(t), newSigner(t), newSigner(t)}, nil
	}
	_, err := Dial(context.Background(), []Candidate{server.Candidate}, cfg)
	var refused *AuthError
	var disconnect *DisconnectError
	if !errors.As(err, &refused) || !errors.As(err, &disconnect) {
		t.Fatalf("got %v", err)
	}
	if disconnect.Reason != 2 || disconnect.Message != "Too many authentication failures" {
		t.Errorf("got %+v", disconnect)
	}
	if refused.Offered != 4 || !slices.Equal(refused.Methods, []string{"publickey"}) {
		t.Errorf("got %+v", refused)
	}
}

func TestSSHDTakesTheLastKeyOfMany(t *testing.T) {
	server := startSSHD(t)
	cfg := server.config
	right := cfg.Signers
	cfg.Signers = func(ctx context.Context) ([]ssh.Signer, error) {
		signers, err := right(ctx)
		return append([]ssh.Signer{newSigner(t), newSigner(t)}, signers...), err
	}
	dial(t, cfg, server.Candidate)
}

func TestRSASignsWithSHA2(t *testing.T) {
	f := newFake(t)
	var used string
	f.config.PublicKeyAuthAlgorithms = []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSA}
	signer := &spySigner{MultiAlgorithmSigner: newRSASigner(t).(ssh.MultiAlgorithmSigner), used: &used}
	cfg := configFor(t)
	cfg.Signers = func(context.Context) ([]ssh.Signer, error) { return []ssh.Signer{signer}, nil }
	dial(t, cfg, listen(t, f.serve))
	if used != ssh.KeyAlgoRSASHA512 {
		t.Errorf("signed with %q", used)
	}

	f.config.PublicKeyAuthAlgorithms = []string{ssh.KeyAlgoRSA}
	used = ""
	if _, err := Dial(context.Background(), []Candidate{listen(t, f.serve)}, cfg); err == nil || used != "" {
		t.Errorf("signed with %q, %v", used, err)
	}
}

func TestRSAThatKnowsOnlySHA1IsNotOffered(t *testing.T) {
	key := newRSASigner(t).(ssh.MultiAlgorithmSigner)
	old, err := ssh.NewSignerWithAlgorithms(key, []string{ssh.KeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	for name, signer := range map[string]ssh.Signer{"plain": struct{ ssh.Signer }{key}, "limited": old} {
		if _, ok := withoutSHA1(signer); ok {
			t.Errorf("%s: offered", name)
		}
	}
}

type spySigner struct {
	ssh.MultiAlgorithmSigner
	used *string
}

func (s *spySigner) Algorithms() []string {
	return []string{ssh.KeyAlgoRSA, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
}

func (s *spySigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	*s.used = algorithm
	return s.MultiAlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
}

// After a partial success x/crypto wants the keys again; nobody is asked twice.
func TestTwoKeysInARow(t *testing.T) {
	first, second := newSigner(t), newSigner(t)
	f := newFake(t)
	is := func(a ssh.PublicKey, b ssh.Signer) bool { return bytes.Equal(a.Marshal(), b.PublicKey().Marshal()) }
	f.config.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !is(key, first) {
			return nil, errors.New("not yet")
		}
		return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{
			PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
				if !is(key, second) {
					return nil, errors.New("used")
				}
				return nil, nil
			},
		}}
	}
	asked := 0
	cfg := configFor(t)
	cfg.Signers = func(context.Context) ([]ssh.Signer, error) { asked++; return []ssh.Signer{first, second}, nil }
	dial(t, cfg, listen(t, f.serve))
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
