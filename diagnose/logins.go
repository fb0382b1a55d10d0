package diagnose

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/keystore"
)

// working is a login that was seen to work, as the user that is meant; nil where
// none was. A key that lacks nothing but its passphrase works, if somebody can
// be asked for it. A server that tells no exit status has let the user in.
func (f *Facts) working() *LoginProbe {
	for _, p := range f.Probes {
		for i, l := range p.Logins {
			meant := f.Way.Login.User == "" || f.Way.Login.Guess || l.User == f.Way.Login.User
			if !meant || l.Accepted == nil && !l.Signed || l.Err != nil || l.Silent || l.LoginAs != "" || toldNobody(l) {
				continue
			}
			if l.Exit == nil && (l.Signed || !f.Way.Batch) || l.Exit != nil && *l.Exit == 0 {
				return &p.Logins[i]
			}
		}
	}
	return nil
}

// toldNobody says that root was told to log in as another user, and that the
// image has none (cloudinit/ssh_util.py, DISABLE_USER_OPTS).
func toldNobody(l LoginProbe) bool {
	return strings.Contains(l.Output, `Please login as the user "NONE"`)
}

// failing gives the logins that were tried where none works.
func (f *Facts) failing() []LoginProbe {
	if f.working() != nil {
		return nil
	}
	var all []LoginProbe
	for _, p := range f.Probes {
		all = append(all, p.Logins...)
	}
	return all
}

// denied is the login whose keys the server plainly refused, nil where there is
// none: how a connection ended otherwise is another matter.
func (f *Facts) denied() *LoginProbe {
	for _, l := range f.failing() {
		var auth *connect.AuthError
		if errors.As(l.Err, &auth) && auth.Err == nil && l.Accepted == nil {
			return &l
		}
	}
	return nil
}

// admits says whether the server took a key for anybody.
func (f *Facts) admits() bool {
	return slices.ContainsFunc(f.failing(), func(l LoginProbe) bool { return l.Accepted != nil })
}

// said is all that a server wrote to who logs in.
func (l LoginProbe) said() string {
	text := l.Banner + "\n" + l.Output
	var auth *connect.AuthError
	if errors.As(l.Err, &auth) {
		text += "\n" + auth.Banner
	}
	var ended *connect.DisconnectError
	if errors.As(l.Err, &ended) {
		text += "\n" + ended.Message
	}
	return text
}

// lineWith is the line of what was said that holds one of the phrases, "" where
// none does.
func (l LoginProbe) lineWith(phrases ...string) string {
	for line := range strings.Lines(l.said()) {
		for _, phrase := range phrases {
			if strings.Contains(line, phrase) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}

// user is who logs in, for a sentence.
func (l LoginProbe) user() string {
	if l.User == "" {
		return "the user"
	}
	return l.User
}

// identities are the keys that a login would offer.
func (f *Facts) identities() []*keystore.Identity {
	return slices.DeleteFunc(slices.Clone(f.Way.Keys.Identities), func(id *keystore.Identity) bool { return id == nil })
}

// fitting is a key here that is known to be the right one, nil where none is.
func (f *Facts) fitting() *keystore.Identity {
	for _, id := range f.identities() {
		if id.How <= keystore.ByPubFile {
			return id
		}
	}
	return nil
}

// place says where a key lies.
func place(id *keystore.Identity) string {
	switch {
	case id.File != nil:
		return id.File.Path
	case id.Agent != nil && id.Agent.Comment != "":
		return "the agent's key " + id.Agent.Comment
	}
	return "the agent's key"
}

// identityOf is the key here whose public half this is, nil where none is.
func (f *Facts) identityOf(key ssh.PublicKey) *keystore.Identity {
	for _, id := range f.identities() {
		if sameKey(id.Public, key) {
			return id
		}
	}
	return nil
}

func sameKey(a, b ssh.PublicKey) bool {
	return a != nil && b != nil && bytes.Equal(a.Marshal(), b.Marshal())
}

// keypairKey is the public key of the server's keypair, nil where it is not known.
func (f *Facts) keypairKey() ssh.PublicKey {
	if f.Nova.Keypair == nil {
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(f.Nova.Keypair.PublicKey))
	if err != nil {
		return nil
	}
	return key
}

// consoleLists says whether the console shows that a key was installed for a user.
func (f *Facts) consoleLists(user string, key ssh.PublicKey) bool {
	if key == nil {
		return false
	}
	blob := key.Marshal()
	long, short := sha256.Sum256(blob), md5.Sum(blob)
	for _, row := range f.Nova.Console.AuthorizedKeys {
		if row.User == user && (bytes.Equal(row.SHA256, long[:]) || bytes.Equal(row.MD5, short[:])) {
			return true
		}
	}
	return false
}

// keyWords name a public key.
func keyWords(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }
