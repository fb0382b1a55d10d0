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

// Dial makes the connection in place of TCP; its end in time does not hang on
// the connection's knowing deadlines.
func TestDialByAnotherWay(t *testing.T) {
	by := func(target Candidate) func(context.Context, Candidate) (net.Conn, error) {
		return func(ctx context.Context, _ Candidate) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", target.String())
			return timeless{conn}, err
		}
	}
	nowhere := candidateOf(t, "127.0.0.1:1")
	cfg := configFor(t)
	cfg.Dial = by(listen(t, newFake(t).serve))
	client := dial(t, cfg, nowhere)
	_ = client.Close()

	cfg.HandshakeTimeout = 300 * time.Millisecond
	cfg.Dial = by(listen(t, silent))
	_, err := Dial(context.Background(), []Candidate{nowhere}, cfg)
	var late *TimeoutError
	if !errors.As(failedDial(t, err, StageBanner)[0].Err, &late) {
		t.Errorf("got %v", err)
	}

	cfg.ConnectTimeout = 100 * time.Millisecond
	cfg.Dial = func(ctx context.Context, _ Candidate) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	_, err = Dial(context.Background(), []Candidate{nowhere}, cfg)
	if !errors.As(failedDial(t, err, StageDial)[0].Err, &late) {
		t.Errorf("got %v", err)
	}
}
