//go:build unix

package keystore

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// sshAgent is a real ssh-agent.
type sshAgent struct {
	agent.ExtendedAgent
	socket string
}

func startAgent(t *testing.T) sshAgent {
	t.Helper()
	path, err := exec.LookPath("ssh-agent")
	if err != nil {
		t.Fatal(err)
	}
	directory, err := os.MkdirTemp("", "agent") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	socket := filepath.Join(directory, "s")
	cmd := exec.Command(path, "-D", "-a", socket)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return sshAgent{agent.NewClient(conn), socket}
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// add gives the agent a key file, with its certificate if one lies beside.
func (a sshAgent) add(t *testing.T, path string) {
	t.Helper()
	t.Setenv("SSH_AUTH_SOCK", a.socket)
	tool(t, "ssh-add", "-q", path)
}

func TestFindInAgent(t *testing.T) {
	a := startAgent(t)
	h := newHome(t)
	rsa, key := keyKinds()[0].key(t), fresh(t)
	plain := h.put("rsa", keyKinds()[0].marshal(t, Options{Format: OpenSSH}))
	a.add(t, plain)
	a.add(t, h.put("ed", as(t, key, Options{Format: OpenSSH})))

	r := find(t, Search{Agent: a}, Wanted{Public: rsa.Public})
	equal(t, "found", h.told(r), "agent: public")
	if r.Looked.AgentKeys != 2 || r.Looked.AgentError != nil {
		t.Errorf("looked at %+v", r.Looked)
	}
	signer, err := r.Identities[0].Signer(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if signature, err := signs(t, signer); err != nil || signature.Format != ssh.KeyAlgoRSASHA512 {
		t.Errorf("%+v, %v", signature, err)
	}
	if err := login(t, signer, true); err != nil {
		t.Error(err)
	}

	// The agent goes before a passphrase and before an open mode, but behind a plain file.
	secret := h.put(".ssh/secret", as(t, key, Options{Format: OpenSSH, Passphrase: []byte("x")}))
	r = find(t, Search{Home: h.string, Agent: a, Explicit: []string{secret}}, Wanted{Public: key.Public})
	equal(t, "beside an encrypted file", h.told(r), "agent: public", ".ssh/secret: public")
	open := h.put(".ssh/open", as(t, key, Options{Format: OpenSSH}))
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	r = find(t, Search{Home: h.string, Agent: a}, Wanted{Public: key.Public})
	equal(t, "beside an open file", h.told(r), "agent: public", ".ssh/secret: public", ".ssh/open: public")
	if err := Protect(open); err != nil {
		t.Fatal(err)
	}
	r = find(t, Search{Home: h.string, Agent: a}, Wanted{Public: key.Public})
	equal(t, "beside a plain file", h.told(r), ".ssh/open: public", "agent: public", ".ssh/secret: public")

	// -i FILE.pub chooses a key of the agent.
	pub := h.put("chosen.pub", AuthorizedKey(key.Public, ""))
	r = find(t, Search{Agent: a, Explicit: []string{pub}}, Wanted{Public: rsa.Public})
	equal(t, "by a public key file", h.told(r), "agent: public", "agent: explicit")
	equal(t, "misses", h.misses(r))

	// Where nothing is known, the agent's keys are what ssh would try.
	r = find(t, Search{Agent: a}, Wanted{})
	equal(t, "without knowledge", h.told(r), "agent: default", "agent: default")

	gone := r.Identities[0]
	if err := a.RemoveAll(); err != nil {
		t.Fatal(err)
	}
	if _, err := gone.Signer(t.Context(), nil); !errors.Is(err, ErrNotInAgent) {
		t.Errorf("removed key: %v", err)
	}
}

func TestFindCertificateInAgent(t *testing.T) {
	a := startAgent(t)
	h := newHome(t)
	key := keyKinds()[0].key(t)
	path := h.put("key", keyKinds()[0].marshal(t, Options{Format: OpenSSH}))
	h.put("key.pub", AuthorizedKey(key.Public, ""))
	tool(t, "ssh-keygen", "-q", "-s", h.put("ca", as(t, fresh(t), Options{Format: OpenSSH})), "-I", "me", path+".pub")
	a.add(t, path)
	r := find(t, Search{Agent: a}, Wanted{Public: key.Public})
	equal(t, "found", h.told(r), "agent: public", "agent: public")
	for _, id := range r.Identities {
		signer, err := id.Signer(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := signer.(ssh.MultiAlgorithmSigner).Sign(nil, []byte("data"))
		if err != nil || signature.Format != ssh.KeyAlgoRSASHA512 {
			t.Errorf("%s: %+v, %v", signer.PublicKey().Type(), signature, err)
		}
	}
}

// TestFindWithoutAgent: an agent that hangs or is gone costs 2 s at most, and no file.
func TestFindWithoutAgent(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	key := fresh(t)
	h.put(".ssh/work", as(t, key, Options{Format: OpenSSH}))
	ours, theirs := net.Pipe()
	defer ours.Close()
	r := find(t, Search{Home: h.string, Agent: agent.NewClient(ours)}, Wanted{Public: key.Public})
	equal(t, "found", h.told(r), ".ssh/work: public")
	if r.Looked.AgentError == nil {
		t.Error("a silent agent is not told")
	}
	theirs.Close()
	r = find(t, Search{Home: h.string, Agent: agent.NewClient(ours)}, Wanted{Public: key.Public})
	equal(t, "found", h.told(r), ".ssh/work: public")
	if r.Looked.AgentError == nil {
		t.Error("a closed agent is not told")
	}
}
