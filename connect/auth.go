package connect

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// maxBannerBytes bounds all authentication banners of one login together.
const maxBannerBytes = 64 << 10

var errBannerTooLong = errors.New("authentication banner too long")

// login is what is learnt while authenticating. x/crypto calls back from the
// goroutine that called it: there is nothing to lock.
type login struct {
	asked   bool
	signers []ssh.Signer
	methods []string
	tried   []string
	banner  strings.Builder
}

// authMethods are the ways to authenticate, in the order of preference; the
// server picks among them. x/crypto tries each method name once.
func (a *attempt) authMethods() []ssh.AuthMethod {
	return []ssh.AuthMethod{ssh.PublicKeysCallback(a.signers)}
}

// signers asks for the keys, once: after a partial success x/crypto asks again.
func (a *attempt) signers() ([]ssh.Signer, error) {
	if a.login.asked {
		return a.login.signers, nil
	}
	defer a.clock.pause()()
	type answer struct {
		signers []ssh.Signer
		err     error
	}
	answered := make(chan answer, 1)
	go func() {
		signers, err := a.race.cfg.Signers(a.ctx)
		answered <- answer{signers, err}
	}()
	select {
	case got := <-answered:
		if got.err != nil {
			return nil, a.fail(got.err)
		}
		a.offer(got.signers)
		return a.login.signers, nil
	case <-a.ctx.Done():
		return nil, context.Cause(a.ctx)
	}
}

// offer keeps the signers as they will be used.
func (a *attempt) offer(signers []ssh.Signer) {
	keys := make([]ssh.PublicKey, 0, len(signers))
	usable := make([]ssh.Signer, 0, len(signers))
	for _, s := range signers {
		if modern, ok := withoutSHA1(s); ok {
			usable = append(usable, a.unhurried(modern))
			keys = append(keys, s.PublicKey())
		}
	}
	a.login.asked, a.login.signers = true, usable
	a.trace(Event{Kind: EventSigners, Signers: keys})
}

// withoutSHA1 has an RSA signer sign with SHA-2 only, and says whether it can.
// x/crypto falls back to ssh-rsa, which is SHA-1, for a signer that does not
// let itself be told the algorithm and for a server that names none; OpenSSH
// since 8.8 does not.
func withoutSHA1(s ssh.Signer) (ssh.Signer, bool) {
	if !isRSA(s.PublicKey().Type()) {
		return s, true
	}
	signer, ok := s.(ssh.AlgorithmSigner)
	if !ok {
		return nil, false
	}
	algorithms := []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	if limited, ok := s.(ssh.MultiAlgorithmSigner); ok {
		algorithms = slices.DeleteFunc(algorithms, func(name string) bool {
			return !slices.Contains(limited.Algorithms(), name)
		})
	}
	modern, err := ssh.NewSignerWithAlgorithms(signer, algorithms)
	return modern, err == nil
}

func isRSA(keyType string) bool {
	return keyType == ssh.KeyAlgoRSA || keyType == ssh.CertAlgoRSAv01
}

// authProgress is called by x/crypto after each attempt that did not end the
// authentication. It only notes: which method comes next is x/crypto's choice.
func (a *attempt) authProgress(progress *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	first := a.login.note(progress)
	if first {
		a.trace(Event{Kind: EventAlgorithms, Algorithms: progress.Algorithms})
	}
	a.trace(Event{Kind: EventAuthMethods, Methods: progress.AllowedMethods, Tried: progress.TriedMethods})
	return nil, nil
}

func (l *login) note(progress *ssh.ClientAuthContext) (first bool) {
	first = l.tried == nil
	l.methods, l.tried = progress.AllowedMethods, progress.TriedMethods
	return first
}

// banner hands an authentication banner on.
func (a *attempt) banner(text string) error {
	if a.login.banner.Len()+len(text) > maxBannerBytes {
		return a.fail(errBannerTooLong)
	}
	a.login.banner.WriteString(text)
	if a.race.cfg.Banner == nil {
		return nil
	}
	defer a.clock.pause()()
	if err := a.ask(func(context.Context) error { return a.race.cfg.Banner(text) }); err != nil {
		return a.fail(err)
	}
	return nil
}

// refused makes the error of a login that failed with err.
func (l *login) refused(user string, err error) error {
	if strings.HasPrefix(err.Error(), "ssh: unable to authenticate") {
		err = nil // says nothing that Methods and Tried do not
	}
	return &AuthError{
		User:    user,
		Methods: l.methods,
		Tried:   l.tried,
		Offered: len(l.signers),
		Banner:  l.banner.String(),
		Err:     err,
	}
}
