package diagnose

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/resolve"
)

// userCauses are those that the catalogue numbers with U. How keys are judged
// stands in causes_key.go.
func userCauses() []Cause {
	return []Cause{
		{
			ID: "U1", Slug: "wrong-user", Layer: User,
			Title: "the image has another user",
			Shows: "Permission denied (publickey)",
			Told:  "the server takes the key for another user; or image and console name another",
			Mends: "-l USER",
			Find:  findWrongUser,
		},
		{
			ID: "U2", Slug: "root-disabled", Layer: User,
			Title: "the image lets nobody in as root",
			Shows: "\"Please login as the user …\", then the end",
			Told:  "that text, which cloud-init and cirros give to root",
			Mends: "-l USER",
			Find:  findRootDisabled,
		},
		{
			ID: "U3", Slug: "private-key-not-here", Layer: User,
			Title: "the private key of the server's keypair is not on this machine",
			Shows: "Permission denied (publickey)",
			Told:  "no key file here and no key of the agent has the keypair's public half",
			Mends: "copy the key here, or log in from where it is",
			Find:  findKeyNotHere,
		},
		{
			ID: "U4", Slug: "wrong-key", Layer: User,
			Title: "another key is offered than the one of the server's keypair",
			Shows: "Permission denied (publickey)",
			Told:  "the public half of the key that was named is not the keypair's",
			Mends: "-i FILE with the right one, or no -i at all",
			Find:  findWrongKey,
		},
		{
			ID: "U5", Slug: "no-keypair", Layer: User,
			Title: "the server was made without a keypair",
			Shows: "Permission denied (publickey)",
			Told:  "nova knows no key_name; user data may have installed a key all the same",
			Mends: "add a key by another way in; as a last resort openstack server rebuild --key-name, which wipes the root disk",
			Find:  findNoKeypair,
		},
		{
			ID: "U6", Slug: "keypair-replaced", Layer: User,
			Title: "the keypair was deleted and made anew after the server had taken its key",
			Shows: "Permission denied with what seems the right key",
			Told:  "the keypair is younger than the server and its last rebuild",
			Mends: "log in with the former private key; as a last resort openstack server rebuild --key-name, which wipes the root disk",
			Find:  findKeypairReplaced,
		},
		{
			ID: "U7", Slug: "keypair-of-another-user", Layer: User,
			Title: "the server was made by another user, with a keypair of theirs",
			Shows: "Permission denied (publickey); the keypair is not found",
			Told:  "the server's user is not yours, and nova shows keypairs to their owner only",
			Mends: "ask them to let your key in",
			Find:  findForeignKeypair,
		},
		{
			ID: "U8", Slug: "key-not-installed", Layer: User,
			Title: "the boot installed no key",
			Shows: "Permission denied (publickey)",
			Told:  "the console: no authorized SSH keys, or no data source",
			Mends: "see to metadata or a config drive; as a last resort openstack server rebuild, which wipes the root disk",
			Find:  findKeyNotInstalled,
		},
		{
			ID: "U9", Slug: "key-file-mode", Layer: User,
			Title: "others than you may read the private key file",
			Shows: "UNPROTECTED PRIVATE KEY FILE!",
			Told:  "the file's mode",
			Mends: "osssh key fix FILE (mode 0600)",
			Find:  findKeyFileMode,
		},
		{
			ID: "U10", Slug: "key-locked", Layer: User,
			Title: "the private key is encrypted and nobody can be asked, or the agent does not sign",
			Shows: "a prompt for the passphrase; Permission denied in batch mode",
			Told:  "the server takes the key, and its private half is out of reach",
			Mends: "ssh-add FILE",
			Find:  findKeyLocked,
		},
		{
			ID: "U11", Slug: "too-many-keys", Layer: User,
			Title: "the server ended the login before the right key came",
			Shows: "Too many authentication failures",
			Told:  "that text in the server's disconnect",
			Mends: "-o IdentitiesOnly=yes -i FILE",
			Find:  findTooManyKeys,
		},
		{
			ID: "U12", Slug: "key-algorithm", Layer: User,
			Title: "server and client know no common way to sign with the key: RSA with SHA-1 only, or DSA",
			Shows: "Permission denied; \"no mutual signature supported\"",
			Told:  "the server's signature algorithms or version, the key's type",
			Mends: "an Ed25519 key; for an old server ssh -o PubkeyAcceptedAlgorithms=+ssh-rsa",
			Find:  findKeyAlgorithm,
		},
		{
			ID: "U13", Slug: "key-unreadable", Layer: User,
			Title: "the key file cannot be read: damaged, cut short, of an unknown kind",
			Shows: "Load key …: invalid format, or error in libcrypto",
			Told:  "reading the file",
			Mends: "a whole copy of the file; osssh key convert for other formats",
			Find:  findKeyUnreadable,
		},
		{
			ID: "U14", Slug: "authorized-keys-permissions", Layer: User,
			Title: "sshd passes over the user's authorized_keys: its mode, or that of .ssh or the home directory",
			Shows: "Permission denied (publickey)",
			Told:  "the console lists the key as installed for the user, and the server refuses it",
			Mends: "openstack server rescue, then chown and chmod in the user's home",
			Find:  findAuthorizedKeysMode,
		},
		{
			ID: "U15", Slug: "login-policy", Layer: User,
			Title: "sshd wants more or other than a key: AllowUsers, a second factor, passwords only",
			Shows: "Permission denied (keyboard-interactive), or (publickey) for this user alone",
			Told:  "the methods that the server lets continue",
			Mends: "its sshd_config: AllowUsers, AuthenticationMethods, PubkeyAuthentication",
			Find:  findLoginPolicy,
		},
		{
			ID: "U16", Slug: "account-expired", Layer: User,
			Title: "the account or its password has expired",
			Shows: "\"Your account has expired\", or \"Password change required\"",
			Told:  "that text, or a refusal after the key was taken",
			Mends: "on the console: chage -E -1 -M -1 USER",
			Find:  findAccountExpired,
		},
		{
			ID: "U17", Slug: "windows", Layer: Boot,
			Title: "the image is Windows, or the keypair is an X.509 certificate",
			Shows: "refused, silent or denied",
			Told:  "the image's os_type, the keypair's type",
			Mends: "RDP; nova get-password for the administrator's password",
			Find:  findWindows,
		},
	}
}

// asUser is the command that logs in as a user.
func (f *Facts) asUser(user string) string {
	return fmt.Sprintf("osssh -l %s %s", terminal.Quote(user), terminal.Quote(f.Name))
}

func findWrongUser(f *Facts) *Finding {
	for _, l := range f.failing() {
		if l.LoginAs != "" && l.User != "root" && l.User != "" { // of root U2 tells
			return &Finding{
				Confidence: Certain, What: fmt.Sprintf("the server lets %s in only to name another user: %s", l.User, l.LoginAs),
				Evidence: []string{l.lineWith("Please login as")}, Fix: Fix{Command: f.asUser(l.LoginAs)},
			}
		}
	}
	denied := f.denied()
	if denied == nil {
		return nil
	}
	what := fmt.Sprintf("the server does not admit user %s", denied.User)
	for _, l := range f.failing() {
		right := l.User
		if l.LoginAs != "" {
			right = l.LoginAs
		}
		if l.Accepted == nil || right == denied.User {
			continue
		}
		found := &Finding{Confidence: Certain, What: fmt.Sprintf("%s, but %s", what, right), Fix: Fix{Command: f.asUser(right)}}
		found.Evidence = []string{fmt.Sprintf("the same server takes key %s for %s", keyWords(l.Accepted), l.User)}
		if l.LoginAs != "" {
			found.Evidence = append(found.Evidence, fmt.Sprintf("it tells %s to log in as %s", l.User, l.LoginAs))
		}
		return found
	}
	named := f.namedUser()
	if named.Guess || named.User == denied.User || named.User == "" {
		return nil
	}
	return &Finding{
		Confidence: Probable, What: fmt.Sprintf("%s; its user seems to be %s", what, named.User),
		Evidence: []string{fmt.Sprintf("%s says so", named.From)},
		Fix:      Fix{Command: f.asUser(named.User)},
	}
}

// namedUser is who the server's records say is to log in, whoever was typed.
func (f *Facts) namedUser() resolve.Login {
	if f.Nova.Server == nil {
		return resolve.Login{Guess: true}
	}
	return resolve.User(*f.Nova.Server, f.Nova.Image, f.Nova.Console.LoginAs)
}

func findRootDisabled(f *Facts) *Finding {
	for _, l := range f.failing() {
		if l.User != "root" {
			continue
		}
		switch meant := f.Way.Login.User == "root" && !f.Way.Login.Guess; {
		case l.LoginAs != "" && meant:
			return &Finding{
				Confidence: Certain, What: "the image lets nobody in as root; its user is " + l.LoginAs,
				Evidence: []string{l.lineWith("Please login as")},
				Fix:      Fix{Command: f.asUser(l.LoginAs)},
			}
		case toldNobody(l):
			return &Finding{
				Confidence: Certain, What: "the image lets nobody in as root, and has no user of its own",
				Evidence: []string{l.lineWith("Please login as")},
				Fix:      Fix{Words: "make a user by user data (cloud-config: users), in a new server"},
			}
		}
	}
	return nil
}

func findLoginPolicy(f *Facts) *Finding {
	for _, l := range f.failing() {
		var auth *connect.AuthError
		if !errors.As(l.Err, &auth) || len(l.Methods) == 0 {
			continue
		}
		methods := strings.Join(l.Methods, ", ")
		evidence := []string{"the server lets continue with: " + methods}
		switch keys := slices.Contains(l.Methods, "publickey"); {
		case l.Accepted != nil && !keys:
			return &Finding{
				Confidence: Certain, What: fmt.Sprintf("the server took the key of %s and asks for more: %s", l.user(), methods),
				Evidence: evidence,
				Fix:      Fix{Command: f.plainSSH(l.User), Words: "ssh asks for the second factor; or AuthenticationMethods publickey in its sshd_config"},
			}
		case !keys:
			return &Finding{
				Confidence: Certain, What: fmt.Sprintf("the server takes no keys, only %s", methods),
				Evidence: evidence,
				Fix:      Fix{Command: f.plainSSH(l.User), Words: "ssh asks for the password; or PubkeyAuthentication yes in its sshd_config"},
			}
		}
	}
	return f.userLeftOut()
}

// userLeftOut is the finding of a user whom the server itself names, with a key
// that it takes for root, and refuses.
func (f *Facts) userLeftOut() *Finding {
	denied := f.denied()
	if denied == nil {
		return nil
	}
	for _, l := range f.failing() {
		if l.LoginAs == denied.User && l.Accepted != nil {
			return &Finding{
				Confidence: Possible, What: fmt.Sprintf("sshd may leave %s out: AllowUsers, DenyUsers or Match in its sshd_config", denied.User),
				Evidence: []string{fmt.Sprintf("it takes the key for %s, and tells to log in as %s", l.User, denied.User)},
				Fix:      Fix{Words: "correct sshd_config by another way in"},
			}
		}
	}
	return nil
}

// plainSSH is the command by which OpenSSH logs in where it knows more than
// osssh, "" where only osssh knows the way.
func (f *Facts) plainSSH(user string, options ...string) string {
	for _, p := range f.Probes {
		if command := p.plainSSH(user, options...); len(p.Logins) > 0 && command != "" {
			return command
		}
	}
	return ""
}

// plainSSH is the same to the address of one probe.
func (p Probe) plainSSH(user string, options ...string) string {
	address := p.Candidate.Address
	if p.Through != "" || !address.IsValid() {
		return ""
	}
	words := append([]string{"ssh"}, options...)
	if address.Port() != 22 {
		words = append(words, "-p", fmt.Sprint(address.Port()))
	}
	destination := address.Addr().String()
	if user != "" {
		destination = user + "@" + destination
	}
	return strings.Join(append(words, terminal.Quote(destination)), " ")
}

// expiredWords are those of pam_unix and of OpenSSH's auth.c and session.c.
var expiredWords = []string{
	"account has expired", "account expired", "Password change required", "password has expired", "Your password has expired",
	"You are required to change your password",
}

func findAccountExpired(f *Facts) *Finding {
	for _, l := range f.failing() {
		if line := l.lineWith(expiredWords...); line != "" {
			return &Finding{
				Confidence: Certain, What: fmt.Sprintf("the account %s has expired, or its password has", l.user()),
				Evidence: []string{"the server says: " + line}, Fix: f.unexpire(l.User), ByWire: true,
			}
		}
		var auth *connect.AuthError
		refusedLate := errors.As(l.Err, &auth) && l.Accepted != nil && (len(l.Methods) == 0 || slices.Contains(l.Methods, "publickey"))
		if refusedLate && l.lineWith(bootingWords...) == "" {
			return &Finding{
				Confidence: Probable, What: fmt.Sprintf("the server took the key and then refused the account %s: expired, or locked", l.user()),
				Evidence: []string{auth.Error()}, Fix: f.unexpire(l.User), ByWire: true,
			}
		}
	}
	return nil
}

func (f *Facts) unexpire(user string) Fix {
	return Fix{
		Command: "openstack console url show " + f.serverID(),
		Words:   fmt.Sprintf("there, as root: chage -E -1 -M -1 %s", terminal.Quote(user)),
	}
}

func findWindows(f *Facts) *Finding {
	windows := strings.EqualFold(f.Nova.Image.OSType, "windows") || strings.HasPrefix(strings.ToLower(f.Nova.Image.OSDistro), "windows")
	certificate := f.Nova.Keypair != nil && f.Nova.Keypair.Type == "x509"
	if !windows && !certificate || f.Phase < Probed || f.working() != nil || f.admits() {
		return nil
	}
	found := &Finding{Confidence: Certain, ByWire: true}
	if windows {
		found.What = fmt.Sprintf("the image %s is Windows, and no SSH login works", imageName(f.Nova.Image))
	} else {
		found.What = fmt.Sprintf("keypair %s is an X.509 certificate, which SSH does not take", f.Nova.Keypair.Name)
	}
	found.Fix.Words = "log in by RDP (port 3389), or install OpenSSH Server there"
	if f.Nova.Server != nil && f.Nova.Server.KeyName != "" {
		found.Fix.Words += fmt.Sprintf("; nova get-password %s tells the administrator's password", f.Nova.Server.ID)
	}
	return found
}

func imageName(image openstack.Image) string {
	for _, name := range []string{image.Name, image.ID} {
		if name != "" {
			return name
		}
	}
	return "of the server"
}
