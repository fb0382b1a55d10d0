package connect

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// typingSigner signs as one whose passphrase is being typed.
type typingSigner struct {
	ssh.AlgorithmSigner
	takes time.Duration
}

func (s typingSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	time.Sleep(s.takes)
	return s.AlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
}

func (s typingSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	time.Sleep(s.takes)
	return s.AlgorithmSigner.Sign(rand, data)
}

// plainSigner has nothing but what every signer has.
type plainSigner struct{ ssh.Signer }

// Whoever types a passphrase longer than the handshake may take is let in.
func TestSigningDoesNotCountAgainstTheHandshake(t *testing.T) {
	const limit = 400 * time.Millisecond
	for name, signer := range map[string]ssh.Signer{
		"Ed25519":            typingSigner{newSigner(t).(ssh.AlgorithmSigner), 2 * limit},
		"RSA":                typingSigner{newRSASigner(t).(ssh.AlgorithmSigner), 2 * limit},
		"no algorithm named": plainSigner{typingSigner{newSigner(t).(ssh.AlgorithmSigner), 2 * limit}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configFor(t)
			cfg.HandshakeTimeout = limit
			cfg.Signers = func(context.Context) ([]ssh.Signer, error) { return []ssh.Signer{signer}, nil }
			client := dial(t, cfg, listen(t, newFake(t).serve))
			_ = client.Close()
		})
	}
}

// timeless is a connection that knows no deadlines, as through another host.
type timeless struct{ net.Conn }

func (timeless) SetDeadline(time.Time) error { return errors.New("no deadlines here") }

// A candidate's Dial makes the connection in place of TCP, in its own time; the
// handshake's end does not hang on the connection's knowing deadlines.
func TestDialByAnotherWay(t *testing.T) {
	through := func(target Candidate, delay time.Duration) Candidate {
		nowhere := candidateOf(t, "127.0.0.1:1")
		nowhere.Dial = func(ctx context.Context) (net.Conn, error) {
			time.Sleep(delay)
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", target.String())
			return timeless{conn}, err
		}
		return nowhere
	}
	cfg := configFor(t)
	cfg.ConnectTimeout = 100 * time.Millisecond // of TCP, not of this
	client := dial(t, cfg, through(listen(t, newFake(t).serve), 2*cfg.ConnectTimeout))
	_ = client.Close()

	cfg.HandshakeTimeout = 300 * time.Millisecond
	_, err := Dial(context.Background(), []Candidate{through(listen(t, silent), 0)}, cfg)
	var late *TimeoutError
	if !errors.As(failedDial(t, err, StageBanner)[0].Err, &late) {
		t.Errorf("got %v", err)
	}
}
