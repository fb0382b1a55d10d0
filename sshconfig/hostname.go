package sshconfig

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // the hash of known_hosts: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"
	"encoding/base64"
	"strconv"
	"strings"
)

// HostName is the name under which known_hosts knows a host on a port: the
// bare host for port 22 and 0, "[host]:port" for every other (put_host_port of
// OpenSSH's misc.c). host is a name or an address without brackets.
func HostName(host string, port int) string {
	if port == 0 || port == 22 {
		return host
	}
	return "[" + host + "]:" + strconv.Itoa(port)
}

// hashMagic begins a hashed name: "|1|" salt "|" HMAC-SHA1(salt, name), both
// in base64.
const hashMagic = "|1|"

// hashName hashes name with a fresh salt.
func hashName(name string) string {
	salt := make([]byte, sha1.Size)
	rand.Read(salt) // never fails: crypto/rand ends the program instead
	return hashedWith(salt, name)
}

func hashedWith(salt []byte, name string) string {
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return hashMagic + base64.StdEncoding.EncodeToString(salt) + "|" +
		base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// hashSalt returns the salt of a hashed name; false means a malformed one.
func hashSalt(hashed string) ([]byte, bool) {
	rest, ok := strings.CutPrefix(hashed, hashMagic)
	if !ok {
		return nil, false
	}
	encoded, _, ok := strings.Cut(rest, "|")
	if !ok || len(encoded) > 64 {
		return nil, false
	}
	salt, err := base64.StdEncoding.Strict().DecodeString(encoded)
	return salt, err == nil && len(salt) == sha1.Size
}

// nameMatches says whether the name field of a known_hosts line stands for
// name. A hashed field is compared byte for byte, so that only what ssh would
// have written matches.
func nameMatches(name, field string) bool {
	if !strings.HasPrefix(field, "|") {
		return matchHostname(name, field) == listMatched
	}
	salt, ok := hashSalt(field)
	return ok && hashedWith(salt, name) == field
}
