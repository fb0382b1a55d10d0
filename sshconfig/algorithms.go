package sshconfig

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// DSA is still written in known_hosts files. x/crypto has the names too, marked
// as deprecated; here they are only read.
const (
	keyAlgoDSA  = "ssh-dss"
	certAlgoDSA = "ssh-dss-cert-v01@openssh.com"
)

// ErrNoAlgorithm is a list of algorithms that names none which is known here.
var ErrNoAlgorithm = errors.New("none of the algorithms is known")

// keyAlgorithms are all that ssh -Q HostKeyAlgorithms of OpenSSH 9.2 knows, in
// its order, in which a pattern finds them.
func keyAlgorithms() []string {
	return []string{
		ssh.KeyAlgoED25519, ssh.CertAlgoED25519v01,
		ssh.KeyAlgoSKED25519, ssh.CertAlgoSKED25519v01,
		ssh.KeyAlgoECDSA256, ssh.CertAlgoECDSA256v01,
		ssh.KeyAlgoECDSA384, ssh.CertAlgoECDSA384v01,
		ssh.KeyAlgoECDSA521, ssh.CertAlgoECDSA521v01,
		ssh.KeyAlgoSKECDSA256, ssh.CertAlgoSKECDSA256v01,
		webAuthnECDSA256,
		keyAlgoDSA, certAlgoDSA,
		ssh.KeyAlgoRSA, ssh.CertAlgoRSAv01,
		ssh.KeyAlgoRSASHA256, ssh.CertAlgoRSASHA256v01,
		ssh.KeyAlgoRSASHA512, ssh.CertAlgoRSASHA512v01,
	}
}

// algorithmCharacters are those of the names of all algorithms, and wildcards.
const algorithmCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-@._*?"

// assembleAlgorithms makes of a list as it is written, with patterns, and "+",
// "-" or "^" before it, the names that it stands for (kex_assemble_names of
// OpenSSH's kex.c). Names that are not known are left out, because a newer ssh
// may know them.
func assembleAlgorithms(list string) ([]string, error) {
	byDefault := DefaultHostKeyAlgorithms()
	if patterns, ok := strings.CutPrefix(list, "-"); ok {
		return slices.DeleteFunc(byDefault, func(name string) bool {
			return matchPatternList(name, patterns, false) == listMatched
		}), nil
	}
	items := strings.Split(strings.TrimLeft(list, "+^"), ",")
	if slices.ContainsFunc(items, func(name string) bool { return strings.Trim(name, algorithmCharacters) != "" }) {
		return nil, ErrNoAlgorithm
	}
	switch {
	case strings.HasPrefix(list, "+"):
		items = append(byDefault, items...)
	case strings.HasPrefix(list, "^"):
		items = append(items, byDefault...)
	}
	var names []string
	for _, pattern := range items {
		for _, name := range keyAlgorithms() {
			if matchPattern(name, pattern) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil, ErrNoAlgorithm
	}
	return names, nil
}
