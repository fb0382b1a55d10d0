package diagnose

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/keystore"
)

// lastResort is how a server takes another key where nothing else does it.
func (f *Facts) lastResort() string {
	server := f.Nova.Server
	if server == nil {
		return ""
	}
	keypair := "KEYPAIR"
	if server.KeyName != "" {
		keypair = terminal.Quote(server.KeyName)
	}
	return fmt.Sprintf("last resort, it wipes the root disk: openstack --os-compute-api-version 2.54 server rebuild --key-name %s %s", keypair, server.ID)
}

// keyless says that no key here can be the right one: none that fits, none whose
// hidden half could.
func (f *Facts) keyless() bool {
	if f.Phase < Matched || f.Nova.Server == nil || f.working() != nil || f.admits() {
		return false
	}
	for _, id := range f.identities() {
		if id.How != keystore.ByExplicit || id.Public == nil {
			return false
		}
	}
	return true
}

func findKeyNotHere(f *Facts) *Finding {
	if !f.keyless() || f.Nova.Server.KeyName == "" || f.wrongIdentity() != nil {
		return nil
	}
	found := &Finding{Confidence: Certain, Fix: Fix{Words: fmt.Sprintf("copy the private key of keypair %s here, or log in from where it is; %s", f.Nova.Server.KeyName, f.lastResort())}}
	looked := f.Way.Keys.Looked
	found.Evidence = []string{fmt.Sprintf("looked at %d keys in %d files and %d in the agent", looked.Keys, looked.Files, looked.AgentKeys)}
	switch wanted := f.keypairKey(); {
	case wanted != nil:
		found.What = fmt.Sprintf("no private key here is that of keypair %s (%s)", f.Nova.Server.KeyName, keyWords(wanted))
	case openstack.IsNotFound(f.Nova.KeypairErr) && f.ownServer():
		found.Confidence = Probable
		found.What = fmt.Sprintf("keypair %s was deleted since, and no private key here is known to be its", f.Nova.Server.KeyName)
	default:
		return nil
	}
	for _, miss := range f.Way.Keys.Misses {
		switch miss.Why {
		case keystore.PublicOnly:
			found.Evidence = append(found.Evidence, miss.Path+" is its public half only")
		case keystore.Other:
			found.Evidence = append(found.Evidence, miss.Path+" bears its name, and is another key")
		case keystore.HiddenHalf:
			found.Confidence = Probable
			found.Fix.Command = fmt.Sprintf("osssh -i %s %s", terminal.Quote(miss.Path), terminal.Quote(f.Name))
			found.Evidence = append(found.Evidence, miss.Path+" is encrypted whole: it could be it")
		case keystore.Unusable:
			if f.namedAsKeypair(miss) {
				return nil // U13 says more
			}
		}
	}
	return found
}

// ownServer says that the server was made by the user who asks.
func (f *Facts) ownServer() bool {
	return f.Nova.Server != nil && (f.Nova.UserID == "" || f.Nova.Server.UserID == f.Nova.UserID)
}

// wrongIdentity is a key that the user named and that is not the keypair's,
// where the right one is not offered.
func (f *Facts) wrongIdentity() *keystore.Identity {
	wanted := f.keypairKey()
	if wanted == nil || f.fitting() != nil {
		return nil
	}
	for _, id := range f.identities() {
		if id.Explicit && id.Public != nil && !sameKey(id.Public, wanted) {
			return id
		}
	}
	return nil
}

func findWrongKey(f *Facts) *Finding {
	for _, l := range f.failing() {
		var mixed *keystore.MismatchError
		if errors.As(l.Err, &mixed) && mixed.Have != nil {
			return &Finding{
				Confidence: Certain, What: fmt.Sprintf("%s.pub is of another key than %s itself", mixed.Path, mixed.Path),
				Evidence: []string{"the private key is " + keyWords(mixed.Have)},
				Fix:      Fix{Words: fmt.Sprintf("remove %s.pub, and look for the right key: osssh key find %s", mixed.Path, terminal.Quote(f.Name))},
			}
		}
	}
	id := f.wrongIdentity()
	if id == nil || f.Nova.Server == nil || f.working() != nil || f.admits() {
		return nil
	}
	return &Finding{
		Confidence: Certain, What: fmt.Sprintf("%s is not the key of keypair %s", place(id), f.Nova.Server.KeyName),
		Evidence: []string{"it is " + keyWords(id.Public), "the keypair is " + keyWords(f.keypairKey())},
		Fix:      Fix{Command: "osssh key find " + terminal.Quote(f.Name), Words: "tells where the right one lies: name that by -i, or none"},
	}
}

func findNoKeypair(f *Facts) *Finding {
	server := f.Nova.Server
	if server == nil || server.KeyName != "" || f.Phase < Matched || f.working() != nil || f.admits() || len(f.Nova.Console.AuthorizedKeys) > 0 {
		return nil
	}
	found := &Finding{
		Confidence: Possible, What: server.Name + " was made without a keypair",
		Evidence: []string{"nova knows no key_name; user data may have installed a key"},
		Fix:      Fix{Words: "add your key by another way in; " + f.lastResort()},
	}
	if f.denied() != nil {
		found.Confidence = Probable
	}
	return found
}

func findKeypairReplaced(f *Facts) *Finding {
	server, keypair, denied := f.Nova.Server, f.Nova.Keypair, f.denied()
	if server == nil || keypair == nil || denied == nil || f.admits() || server.Created.IsZero() || !keypair.CreatedAt.After(server.Created.Time) {
		return nil
	}
	key := f.keypairKey()
	if f.identityOf(key) == nil || f.consoleLists(denied.User, key) {
		return nil
	}
	found := &Finding{
		Confidence: Certain, What: fmt.Sprintf("keypair %s was made anew after %s had taken the former key", keypair.Name, server.Name),
		Evidence: []string{
			fmt.Sprintf("keypair made at %s, server at %s", moment(keypair.CreatedAt), moment(server.Created)),
			fmt.Sprintf("the server refuses %s", keyWords(key)),
		},
		Fix: Fix{Words: "log in with the former private key (-i FILE); " + f.lastResort()},
	}
	for _, action := range f.Nova.Actions {
		// a rebuild takes the keypair's key only if it is asked to
		if action.Action == "rebuild" && action.Start.After(keypair.CreatedAt.Time) {
			found.Confidence = Probable
			found.Evidence = append(found.Evidence, "rebuilt since, at "+moment(action.Start))
			break
		}
	}
	return found
}

func findForeignKeypair(f *Facts) *Finding {
	server := f.Nova.Server
	if server == nil || f.Nova.UserID == "" || server.UserID == "" || server.UserID == f.Nova.UserID {
		return nil
	}
	// nova answers 403 where one asks for another user's (user_id), else 404
	if !openstack.IsNotFound(f.Nova.KeypairErr) && !openstack.IsForbidden(f.Nova.KeypairErr) {
		return nil
	}
	if f.Phase < Matched || f.fitting() != nil || f.working() != nil || f.admits() {
		return nil
	}
	if len(f.identities()) > 0 && f.denied() == nil { // what lies here may do, and was not tried
		return nil
	}
	return &Finding{
		Confidence: Certain, What: fmt.Sprintf("%s was made by user %s with their keypair %s", server.Name, server.UserID, server.KeyName),
		Evidence: []string{"nova shows a keypair to its owner only"},
		Fix:      Fix{Words: fmt.Sprintf("ask them to add your key, or an administrator for: openstack keypair show --user %s %s", server.UserID, terminal.Quote(server.KeyName))},
	}
}

func findKeyNotInstalled(f *Facts) *Finding {
	server := f.Nova.Server
	if server == nil || server.KeyName == "" || f.working() != nil || f.admits() || f.metadataUnread() || len(f.Nova.Console.AuthorizedKeys) > 0 {
		return nil
	}
	fault := f.bootFault(console.NoAuthorizedKeys, console.SSHCredentials, console.NoDatasource)
	if fault == nil {
		return nil
	}
	found := &Finding{
		Confidence: Probable, What: fmt.Sprintf("the last boot of %s installed no key", server.Name),
		Evidence: []string{consoleLine(*fault)},
		Fix:      Fix{Words: "see why its metadata lacks the key, or use a config drive (--config-drive True) for a new server; " + f.lastResort()},
	}
	if denied := f.denied(); denied != nil && (len(f.Nova.Console.NoKeysFor) == 0 || slices.Contains(f.Nova.Console.NoKeysFor, denied.User)) {
		found.Confidence = Certain
	}
	return found
}

func findKeyFileMode(f *Facts) *Finding {
	if f.working() != nil {
		return nil
	}
	for _, l := range f.failing() {
		var open *keystore.UnprotectedError
		if errors.As(l.Err, &open) {
			return keyFileMode(open.Path, fmt.Sprintf("mode %04o", open.Mode.Perm()))
		}
	}
	id := f.fitting()
	if id == nil || id.File == nil || !id.File.Unprotected || f.denied() != nil {
		return nil
	}
	for _, other := range f.identities() { // one that needs no mending goes first
		if other.How <= keystore.ByPubFile && (other.File == nil || !other.File.Unprotected) {
			return nil
		}
	}
	return keyFileMode(id.File.Path, fmt.Sprintf("mode %04o", id.File.Mode.Perm()))
}

func keyFileMode(path, evidence string) *Finding {
	return &Finding{
		Confidence: Certain, What: fmt.Sprintf("others than you may read the private key %s", path),
		Evidence: []string{evidence},
		Fix:      Fix{Command: "osssh key fix " + terminal.Quote(path), Harmless: true},
	}
}

func findKeyLocked(f *Facts) *Finding {
	for _, p := range f.Probes {
		for _, l := range p.Logins {
			if found := f.locked(l); found != nil {
				return found
			}
		}
	}
	return nil
}

// locked judges one login. Where somebody can be asked a passphrase only takes
// time: that is told beside a login that works.
func (f *Facts) locked(l LoginProbe) *Finding {
	var missing *keystore.PassphraseMissingError
	switch id := f.identityOf(l.Accepted); {
	case l.Accepted != nil && !l.Signed && l.Err == nil && id != nil && id.File != nil && id.File.Encrypted:
		found := &Finding{
			Confidence: Possible, What: fmt.Sprintf("the private key %s is encrypted, and not in the agent", id.File.Path),
			Evidence: []string{fmt.Sprintf("the server takes %s for %s", keyWords(l.Accepted), l.user())},
			Fix:      Fix{Command: "ssh-add " + terminal.Quote(id.File.Path)},
		}
		if f.Way.Batch {
			found.Confidence = Certain
			found.Evidence = append(found.Evidence, "BatchMode: nobody is asked for its passphrase")
		}
		return found
	case errors.As(l.Err, &missing):
		found := &Finding{
			Confidence: Possible, What: fmt.Sprintf("the private key %s is encrypted whole: only its passphrase shows whether it fits", missing.Path),
			Fix: Fix{Command: "ssh-add " + terminal.Quote(missing.Path)},
		}
		if f.Way.Batch {
			found.Confidence = Probable
		}
		return found
	case id != nil && id.Agent != nil && l.Err != nil && !l.Signed && !isAuthError(l.Err):
		return &Finding{
			Confidence: Certain, What: fmt.Sprintf("the server takes %s, and the agent does not sign with it", place(id)),
			Evidence: []string{"the agent: " + l.Err.Error()},
			Fix:      Fix{Command: "ssh-add -X", Words: "unlocks it; or ssh-add the key again"},
		}
	}
	return nil
}

func isAuthError(err error) bool {
	var auth *connect.AuthError
	return errors.As(err, &auth)
}

func findTooManyKeys(f *Facts) *Finding {
	for _, l := range f.failing() {
		line := l.lineWith("Too many authentication failures")
		if line == "" {
			continue
		}
		found := &Finding{
			Confidence: Certain, What: fmt.Sprintf("the server ended the login of %s after %d keys: too many for it", l.user(), len(l.Offered)),
			Evidence: []string{"the server says: " + line}, ByWire: true,
		}
		if id := f.fitting(); id != nil && id.File != nil {
			found.Fix.Command = fmt.Sprintf("osssh -o IdentitiesOnly=yes -i %s %s", terminal.Quote(id.File.Path), terminal.Quote(f.Name))
		} else {
			found.Fix.Words = "name the one key that is right: -o IdentitiesOnly=yes -i FILE"
		}
		return found
	}
	return nil
}

func findKeyAlgorithm(f *Facts) *Finding {
	for _, p := range f.Probes {
		for _, l := range p.Logins {
			var auth *connect.AuthError
			if !errors.As(l.Err, &auth) || f.working() != nil || l.Accepted != nil {
				continue
			}
			if auth.Err != nil && strings.Contains(auth.Err.Error(), "no common") && strings.Contains(auth.Err.Error(), "signature algorithm") {
				return f.noSignature(l, "the server and this client know no common way to sign with the RSA key", auth.Err.Error())
			}
			if old := opensshBefore72(p.Version); old && f.offersRSA(l) {
				return f.noSignature(l, "the server is too old for RSA with SHA-2, and this client signs with nothing less", "it is "+p.Version)
			}
		}
	}
	if f.Nova.Keypair == nil || !strings.HasPrefix(f.Nova.Keypair.PublicKey, "ssh-dss ") || f.working() != nil || f.admits() || f.Phase < Matched {
		return nil
	}
	return &Finding{
		Confidence: Certain, What: fmt.Sprintf("keypair %s is a DSA key, which no current SSH takes", f.Nova.Keypair.Name),
		Evidence: []string{"OpenSSH takes none by default since 7.0"},
		Fix:      Fix{Command: "osssh key create " + terminal.Quote(f.Nova.Keypair.Name+"-ed25519"), Words: "for a new server; in this one, add it by another way in"},
	}
}

func (f *Facts) noSignature(l LoginProbe, what, evidence string) *Finding {
	options := []string{"-o", "PubkeyAcceptedAlgorithms=+ssh-rsa", "-o", "HostKeyAlgorithms=+ssh-rsa"}
	for _, id := range f.identities() {
		if id.File != nil && (id.Public == nil || id.Public.Type() == ssh.KeyAlgoRSA) {
			options = append(options, "-i", terminal.Quote(id.File.Path))
			break
		}
	}
	return &Finding{
		Confidence: Certain, What: what, Evidence: []string{evidence}, ByWire: true,
		Fix: Fix{Command: f.plainSSH(l.User, options...), Words: "where the server takes RSA with SHA-1 only; better, use an Ed25519 key"},
	}
}

func (f *Facts) offersRSA(l LoginProbe) bool {
	wanted := f.keypairKey()
	return wanted != nil && wanted.Type() == ssh.KeyAlgoRSA &&
		(l.Offered == nil || slices.ContainsFunc(l.Offered, func(k ssh.PublicKey) bool { return sameKey(k, wanted) }))
}

var opensshVersion = regexp.MustCompile(`^SSH-2\.0-OpenSSH_(\d{1,2})\.(\d{1,2})`)

// opensshBefore72 says that a server knows no RSA with SHA-2 (OpenSSH's release
// notes, 7.2).
func opensshBefore72(version string) bool {
	m := opensshVersion.FindStringSubmatch(version)
	if m == nil {
		return false
	}
	major, _ := strconv.Atoi(m[1]) // digits, as the expression has it
	minor, _ := strconv.Atoi(m[2])
	return major < 7 || major == 7 && minor < 2
}

func findKeyUnreadable(f *Facts) *Finding {
	if !f.keyless() {
		return nil
	}
	var found *Finding
	for _, miss := range f.Way.Keys.Misses {
		if miss.Why != keystore.Unusable || miss.Err == nil {
			continue
		}
		named := f.namedAsKeypair(miss)
		if found != nil && !named {
			continue
		}
		found = &Finding{
			Confidence: Possible, What: fmt.Sprintf("the key file %s cannot be used", miss.Path),
			Evidence: []string{miss.Err.Error()},
			Fix:      Fix{Command: "osssh key show " + terminal.Quote(miss.Path), Words: "says what is wrong with it; get a whole copy"},
		}
		if named {
			found.Confidence = Certain
			break
		}
	}
	return found
}

// namedAsKeypair says that a file bears the name of the server's keypair.
func (f *Facts) namedAsKeypair(miss keystore.Miss) bool {
	base := filepath.Base(miss.Path)
	return f.Nova.Server != nil && f.Nova.Server.KeyName != "" &&
		(base == f.Nova.Server.KeyName || strings.TrimSuffix(base, filepath.Ext(base)) == f.Nova.Server.KeyName)
}

func findAuthorizedKeysMode(f *Facts) *Finding {
	denied := f.denied()
	if denied == nil || f.Nova.Server == nil {
		return nil
	}
	var key ssh.PublicKey
	for _, offered := range denied.Offered {
		if f.consoleLists(denied.User, offered) {
			key = offered
		}
	}
	if key == nil {
		return nil
	}
	return &Finding{
		Confidence: Probable, What: fmt.Sprintf("sshd refuses a key that the boot installed for %s: the modes of its home, .ssh or authorized_keys, or somebody took it out", denied.User),
		Evidence: []string{"the console lists " + keyWords(key) + " for " + denied.User},
		Fix: Fix{Command: "openstack server rescue " + f.Nova.Server.ID,
			Words: "then, on its disk: chmod 755 the home directory, 700 .ssh, 600 authorized_keys, and chown them"},
	}
}
