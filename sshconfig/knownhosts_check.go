package sshconfig

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// UnknownKeyError: nothing is known of the host that could vouch for the key.
type UnknownKeyError struct {
	Key         ssh.PublicKey // plain, also where a certificate was presented
	Certificate error         // why a presented certificate did not count, nil for a plain key
}

func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("%s host key %s is unknown", e.Key.Type(), ssh.FingerprintSHA256(e.Key))
}

func (e *UnknownKeyError) Unwrap() error { return e.Certificate }

// ChangedKeyError: the host is known by other keys. As for ssh, a key of
// another type counts as another key.
type ChangedKeyError struct {
	Key         ssh.PublicKey // plain, also where a certificate was presented
	Known       []Line        // never empty
	Certificate error         // why a presented certificate did not count, nil for a plain key
}

func (e *ChangedKeyError) Error() string {
	return fmt.Sprintf("%s host key %s is not the one in %s:%d",
		e.Key.Type(), ssh.FingerprintSHA256(e.Key), e.Known[0].Path, e.Known[0].Number)
}

func (e *ChangedKeyError) Unwrap() error { return e.Certificate }

// RevokedKeyError: a @revoked line names the key, or the authority that signed
// it.
type RevokedKeyError struct {
	Key  ssh.PublicKey
	Line Line
}

func (e *RevokedKeyError) Error() string {
	return fmt.Sprintf("%s host key %s is revoked in %s:%d",
		e.Key.Type(), ssh.FingerprintSHA256(e.Key), e.Line.Path, e.Line.Number)
}

// CertificateError says why a host certificate does not vouch for a host.
type CertificateError struct {
	Cert *ssh.Certificate
	Why  error
}

func (e *CertificateError) Error() string { return fmt.Sprintf("host certificate: %v", e.Why) }

func (e *CertificateError) Unwrap() error { return e.Why }

// Check judges a presented host key as check_host_key of OpenSSH's
// sshconnect.c does and returns the line that vouches for it; the error is an
// *UnknownKeyError, a *ChangedKeyError or a *RevokedKeyError. principal is the
// host name or alias that a certificate must list. A certificate that does not
// count (no CA line, another name, expired) is taken for its plain key. A CA's
// own key is no host key.
func (k Known) Check(key ssh.PublicKey, principal string, now time.Time) (Line, error) {
	if i := k.revokedBy(key); i >= 0 {
		return Line{}, &RevokedKeyError{Key: key, Line: k.Revoked[i]}
	}
	var certErr error
	if cert, ok := key.(*ssh.Certificate); ok {
		line, err := k.checkCertificate(cert, principal, now)
		if err == nil {
			return line, nil
		}
		certErr = &CertificateError{Cert: cert, Why: err}
		key = cert.Key
	}
	for _, l := range k.Keys {
		if equalKey(key, l.Key) {
			return l, nil
		}
	}
	if len(k.Keys) > 0 {
		return Line{}, &ChangedKeyError{Key: key, Known: k.Keys, Certificate: certErr}
	}
	return Line{}, &UnknownKeyError{Key: key, Certificate: certErr}
}

// revokedBy is the index of the line that revokes a key or its authority, or -1.
func (k Known) revokedBy(key ssh.PublicKey) int {
	return slices.IndexFunc(k.Revoked, func(l Line) bool { return samePlainKey(key, l.Key) || signedBy(key, l.Key) })
}

// ca is the index of the line that has the authority of a certificate, or -1.
func (k Known) ca(cert *ssh.Certificate) int {
	return slices.IndexFunc(k.CAs, func(l Line) bool { return equalKey(cert.SignatureKey, l.Key) })
}

// checkCertificate finds the CA line that vouches for a host certificate.
func (k Known) checkCertificate(cert *ssh.Certificate, principal string, now time.Time) (Line, error) {
	i := k.ca(cert)
	if i < 0 {
		return Line{}, fmt.Errorf("no @cert-authority line has its %s authority %s",
			cert.SignatureKey.Type(), ssh.FingerprintSHA256(cert.SignatureKey))
	}
	if cert.CertType != ssh.HostCert {
		return Line{}, fmt.Errorf("it is of type %d, not a host's", cert.CertType)
	}
	// CASignatureAlgorithms of OpenSSH leaves SHA-1 and DSA out.
	if format := cert.Signature.Format; format == ssh.KeyAlgoRSA || format == keyAlgoDSA {
		return Line{}, fmt.Errorf("it is signed with %s", format)
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return now }}
	if err := checker.CheckCert(principal, cert); err != nil {
		return Line{}, err
	}
	return k.CAs[i], nil
}

// plainKey is the key itself, for a certificate the key that it certifies.
func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

func equalKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

func samePlainKey(a, b ssh.PublicKey) bool { return equalKey(plainKey(a), plainKey(b)) }

func signedBy(key, authority ssh.PublicKey) bool {
	cert, ok := key.(*ssh.Certificate)
	return ok && samePlainKey(cert.SignatureKey, authority)
}

// CheckHost judges a key for a host on a port without a HostKeyAlias. As in
// ssh, where "[host]:port" is unknown an equal key under the bare host vouches
// too; a different one there says nothing.
func (k *KnownHosts) CheckHost(host string, port int, key ssh.PublicKey, now time.Time) (Line, error) {
	name := HostName(host, port)
	known := k.Lookup(name)
	if name == host {
		return known.Check(key, host, now)
	}
	bare := k.Lookup(host)
	if cert, ok := key.(*ssh.Certificate); ok && known.ca(cert) < 0 && known.revokedBy(key) < 0 {
		// ssh asks the bare host before it takes a certificate for its plain key.
		if line, err := bare.Check(key, host, now); err == nil {
			return line, nil
		}
	}
	line, err := known.Check(key, host, now)
	var unknown *UnknownKeyError
	if errors.As(err, &unknown) {
		if line, err := bare.Check(unknown.Key, host, now); err == nil {
			return line, nil
		}
	}
	return line, err
}

// DefaultHostKeyAlgorithms is what OpenSSH 9.2 offers a server
// (KEX_DEFAULT_PK_ALG of myproposal.h), best first.
func DefaultHostKeyAlgorithms() []string {
	return []string{
		ssh.CertAlgoED25519v01,
		ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
		ssh.CertAlgoSKED25519v01, ssh.CertAlgoSKECDSA256v01,
		ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
		ssh.KeyAlgoED25519,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
}

// Algorithms is what to ask the server for: of preferred (nil: the default of
// OpenSSH) those that a known key or a CA line can verify, in its order, so
// that a server with several host keys shows one that is known. Certificates
// are asked for only where there is a CA line; where there are CA lines and no
// plain keys, plain ones are asked for last, because such a host may have no
// certificate at all. Where nothing is known, or none of preferred, all but
// the certificates remain.
func (k Known) Algorithms(preferred []string) []string {
	if preferred == nil {
		preferred = DefaultHostKeyAlgorithms()
	}
	var certs, known, plain []string
	for _, algorithm := range preferred {
		switch {
		case isCertAlgorithm(algorithm):
			if len(k.CAs) > 0 {
				certs = append(certs, algorithm)
			}
		default:
			plain = append(plain, algorithm)
			if k.hasType(keyFormat(algorithm)) {
				known = append(known, algorithm)
			}
		}
	}
	if known == nil {
		known = plain
	}
	return append(certs, known...)
}

func (k Known) hasType(format string) bool {
	return slices.ContainsFunc(k.Keys, func(l Line) bool { return plainKey(l.Key).Type() == format })
}

func isCertAlgorithm(algorithm string) bool {
	return strings.HasSuffix(algorithm, "-cert-v01@openssh.com")
}
