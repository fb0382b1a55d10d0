package connect

import (
	"io"

	"golang.org/x/crypto/ssh"
)

// unhurried stops the handshake's clock while a signer signs: it may ask for a
// passphrase only then, or wait for a touch.
func (a *attempt) unhurried(s ssh.Signer) ssh.Signer {
	signer, ok := s.(ssh.AlgorithmSigner)
	if !ok {
		return pausing{s, a.clock}
	}
	slow := pausingAlgorithm{signer, a.clock}
	if several, ok := s.(ssh.MultiAlgorithmSigner); ok {
		if limited, err := ssh.NewSignerWithAlgorithms(slow, several.Algorithms()); err == nil {
			return limited
		}
	}
	return slow
}

type pausing struct {
	ssh.Signer
	clock *clock
}

func (p pausing) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	defer p.clock.pause()()
	return p.Signer.Sign(rand, data)
}

type pausingAlgorithm struct {
	ssh.AlgorithmSigner
	clock *clock
}

func (p pausingAlgorithm) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	defer p.clock.pause()()
	return p.AlgorithmSigner.Sign(rand, data)
}

func (p pausingAlgorithm) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	defer p.clock.pause()()
	return p.AlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
}
