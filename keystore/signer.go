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

// Asker gets a passphrase from the user. An empty one gives up.
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
	open := func() (ssh.MultiAlgorithmSigner, error) { return id.openSigner(ctx, file, ask) }
	if file.Encrypted && file.Public != nil {
		return &lateSigner{public: file.Public, open: sync.OnceValues(open)}, nil
	}
	return open()
}

// Signers gives what one publickey method offers: first the certificate, where
// there is one, then the key itself.
func (id *Identity) Signers(ctx context.Context, ask Asker) ([]ssh.Signer, error) {
	signer, err := id.Signer(ctx, ask)
	if err != nil {
		return nil, err
	}
	if id.File == nil || id.File.Certificate == nil {
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
		given := len(passphrase)
		key, err := f.Open(slices.Concat([]byte{}, passphrase))
		clear(passphrase)
		var wrong *WrongPassphraseError
		switch {
		case !errors.As(err, &wrong):
			return key, err
		case given == 0:
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
	return modernSigner(signer)
}

// modernSigner keeps SHA-1 out of RSA signatures (RFC 8332).
func modernSigner(signer ssh.Signer) (ssh.MultiAlgorithmSigner, error) {
	able, ok := signer.(ssh.AlgorithmSigner)
	if !ok {
		return nil, fmt.Errorf("keystore: signer of %q cannot choose its algorithm", signer.PublicKey().Type())
	}
	return ssh.NewSignerWithAlgorithms(able, algorithms(signer.PublicKey().Type()))
}

// algorithms gives the signature algorithms of a key type, best first.
func algorithms(keyType string) []string {
	switch keyType {
	case ssh.KeyAlgoRSA:
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	case ssh.CertAlgoRSAv01:
		return []string{ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01}
	}
	return []string{keyType}
}

// agentSigner finds the key in the agent again, which may have lost it.
func (id *Identity) agentSigner() (ssh.Signer, error) {
	signers, err := id.agent.Signers()
	if err != nil {
		return nil, err
	}
	for _, signer := range signers {
		if bytes.Equal(signer.PublicKey().Marshal(), id.Agent.Blob) {
			return modernSigner(signer)
		}
	}
	return nil, ErrNotInAgent
}

// lateSigner opens its key when it first signs. A failure to open it is final:
// the user is not asked again.
type lateSigner struct {
	public ssh.PublicKey
	open   func() (ssh.MultiAlgorithmSigner, error)
}

func (s *lateSigner) PublicKey() ssh.PublicKey { return s.public }

func (s *lateSigner) Algorithms() []string { return algorithms(s.public.Type()) }

func (s *lateSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, s.Algorithms()[0])
}

func (s *lateSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signer, err := s.open()
	if err != nil {
		return nil, err
	}
	return signer.SignWithAlgorithm(rand, data, algorithm)
}
