package keystore

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/crypto/ssh"
)

// maxTries is how often a passphrase is asked, as ssh does.
const maxTries = 3

// Prompt is what is known of a key whose passphrase is asked.
type Prompt struct {
	Path    string
	Comment string
	Try     int // 1 to 3
}

// Asker gets a passphrase from the user. An empty one gives up. What it returns
// is overwritten after use.
type Asker = func(context.Context, Prompt) ([]byte, error)

// Signer gives a signer for the identity. The file is read and judged now. Its
// passphrase is asked as late as can be: where the public half is known, when
// the first signature is made, that is after the server said that it takes the
// key; else now. It is asked at most three times; nil ask: never. ctx bounds
// the asking. RSA keys sign with rsa-sha2-512 and rsa-sha2-256, never SHA-1.
//
// Errors, from here or from signing: those of Read and Open, *UnprotectedError,
// *MismatchError where the opened key is not the wanted one, and ask's own.
func (id *Identity) Signer(ctx context.Context, ask Asker) (ssh.Signer, error) {
	if id.Agent != nil {
		return id.agentSigner()
	}
	file, err := Read(id.File.Path)
	if err != nil {
		return nil, err
	}
	if file.Unprotected {
		return nil, &UnprotectedError{Path: file.Path, Mode: file.Mode}
	}
	if file.Encrypted && file.Public != nil {
		// Once: whoever gave up is not asked again.
		open := sync.OnceValues(func() (ssh.AlgorithmSigner, error) { return id.openSigner(ctx, file, ask) })
		return &keySigner{public: file.Public, algorithms: algorithms(file.Public), open: open}, nil
	}
	return id.openSigner(ctx, file, ask)
}

// Signers gives what one publickey method offers: first the certificate, where
// there is one, then the key itself.
func (id *Identity) Signers(ctx context.Context, ask Asker) ([]ssh.Signer, error) {
	signer, err := id.Signer(ctx, ask)
	if err != nil {
		return nil, err
	}
	if id.File == nil || id.File.Certificate == nil || id.File.Certificate.CertType != ssh.UserCert {
		return []ssh.Signer{signer}, nil
	}
	certified, err := ssh.NewCertSigner(id.File.Certificate, signer)
	if err != nil {
		return nil, &CorruptError{Path: id.File.Path, What: "certificate does not belong to the key"}
	}
	return []ssh.Signer{certified, signer}, nil
}

func (id *Identity) openSigner(ctx context.Context, file *File, ask Asker) (ssh.MultiAlgorithmSigner, error) {
	key, err := file.openAsking(ctx, ask)
	if err != nil {
		return nil, err
	}
	if !id.fits(key.Public) {
		return nil, &MismatchError{Path: file.Path, Have: key.Public, Want: id.wanted.Public}
	}
	return key.Signer()
}

// fits holds the opened key against what it was taken for. What was hidden
// could be any key; what the user named may be any.
func (id *Identity) fits(public ssh.PublicKey) bool {
	if id.Public != nil {
		return sameKey(id.Public, public)
	}
	return id.Explicit || !id.wanted.tells() || id.wanted.has(public)
}

func (w Wanted) has(public ssh.PublicKey) bool {
	blob := public.Marshal()
	long, short := sha256.Sum256(blob), md5.Sum(blob)
	is := func(digest []byte) func([]byte) bool {
		return func(other []byte) bool { return bytes.Equal(digest, other) }
	}
	return sameKey(w.Public, public) || slices.ContainsFunc(w.SHA256, is(long[:])) || slices.ContainsFunc(w.MD5, is(short[:]))
}

// openAsking opens a file, asking for its passphrase if it has one. An empty
// answer is tried, since a file may have an empty passphrase, and then ends it.
func (f *File) openAsking(ctx context.Context, ask Asker) (*Key, error) {
	if !f.Encrypted || ask == nil {
		return f.Open(nil)
	}
	for try := 1; ; try++ {
		passphrase, err := ask(ctx, Prompt{Path: f.Path, Comment: f.Comment, Try: try})
		if err != nil {
			return nil, err
		}
		if passphrase == nil {
			passphrase = []byte{}
		}
		key, err := f.Open(passphrase)
		clear(passphrase)
		var wrong *WrongPassphraseError
		switch {
		case !errors.As(err, &wrong):
			return key, err
		case len(passphrase) == 0:
			return nil, &PassphraseMissingError{Path: f.Path}
		case try == maxTries:
			return nil, err
		}
	}
}

// Signer gives a signer for an opened key.
func (k *Key) Signer() (ssh.MultiAlgorithmSigner, error) {
	signer, err := ssh.NewSignerFromSigner(k.Private)
	if err != nil {
		return nil, err
	}
	able, ok := signer.(ssh.AlgorithmSigner)
	if !ok {
		return nil, &UnsupportedError{What: k.Public.Type(), Why: "its signer cannot choose an algorithm"}
	}
	open := func() (ssh.AlgorithmSigner, error) { return able, nil }
	return &keySigner{public: k.Public, algorithms: algorithms(k.Public), open: open}, nil
}

// agentSigner finds the key in the agent again, which may have lost it.
func (id *Identity) agentSigner() (ssh.Signer, error) {
	signers, err := id.agent.Signers()
	if err != nil {
		return nil, err
	}
	for _, signer := range signers {
		able, ok := signer.(ssh.AlgorithmSigner)
		if !ok || !bytes.Equal(signer.PublicKey().Marshal(), id.Agent.Blob) {
			continue
		}
		open := func() (ssh.AlgorithmSigner, error) { return able, nil }
		return &keySigner{public: able.PublicKey(), algorithms: algorithms(id.Public), open: open}, nil
	}
	return nil, ErrNotInAgent
}

// algorithms gives the signature algorithms of a key, best first: SHA-1 is left out
// of RSA's (RFC 8332).
func algorithms(key ssh.PublicKey) []string {
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{key.Type()}
}

// keySigner signs with the listed algorithms only, also where none is asked for.
// open may be late: it is called at the first signature.
type keySigner struct {
	public     ssh.PublicKey
	algorithms []string
	open       func() (ssh.AlgorithmSigner, error)
}

func (s *keySigner) PublicKey() ssh.PublicKey { return s.public }

func (s *keySigner) Algorithms() []string { return slices.Clone(s.algorithms) }

func (s *keySigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, s.algorithms[0])
}

func (s *keySigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if !slices.Contains(s.algorithms, algorithm) {
		return nil, fmt.Errorf("keystore: a key of type %q does not sign with %q here", s.public.Type(), algorithm)
	}
	signer, err := s.open()
	if err != nil {
		return nil, err
	}
	return signer.SignWithAlgorithm(rand, data, algorithm)
}
