package diagnose

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"osssh/connect"
	"osssh/reach"
	"osssh/resolve"
)

// sshServer lets nobody in and counts who tried.
type sshServer struct {
	host ssh.Signer

	mu          sync.Mutex
	connections int
	users       map[string]int
}

func newSSHServer(t *testing.T) *sshServer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	host, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return &sshServer{host: host, users: map[string]int{}}
}

func (s *sshServer) serve(conn net.Conn) {
	tried := ""
	config := &ssh.ServerConfig{PublicKeyCallback: func(meta ssh.ConnMetadata, _ ssh.PublicKey) (*ssh.Permissions, error) {
		tried = meta.User()
		return nil, errors.New("no")
	}}
	config.AddHostKey(s.host)
	_, _, _, _ = ssh.NewServerConn(conn, config) // nobody comes in
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connections++; tried != "" {
		s.users[tried]++
	}
}

// probing begins to look at a server, as far as its addresses.
func (w *world) probing(name string) (*gathering, *reach.Plan, *probing) {
	w.t.Helper()
	g := &gathering{ctx: w.t.Context(), config: undisturbing(*w.config().Reach), request: reach.Request{Name: name, Settings: w.settings(name, "")}}
	client := g.signIn()
	plan := reach.Locate(g.ctx, g.config, g.request, client, *g.find(client))
	return g, plan, newProbing(g, plan, client)
}

// An address that could be another machine's is looked at, and not logged in to.
func TestProbePassedOver(t *testing.T) {
	w := newWorld(t)
	server := newSSHServer(t)
	port := listen(t, server.serve)
	w.redirect(port)
	g, plan, p := w.probing("web")
	g.complete(t.Context(), plan, p)
	elsewhere := resolve.Candidate{Address: netip.MustParseAddrPort("10.9.9.9:22"), Why: resolve.Routed, Kind: resolve.KindFixed}
	p.make(t.Context(), p.add(elsewhere, "", func(context.Context) (net.Conn, error) {
		return net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
	}))
	probe := only(t, g.snapshot())
	var stranger *StrangerError
	if !probe.PassedOver || probe.HostKey == nil || probe.Failed == nil || !errors.As(probe.Failed.Err, &stranger) || len(probe.Logins) != 0 {
		t.Errorf("probe %+v", probe)
	}
}

// However many addresses answer, a server that refuses all sees two logins.
func TestProbeCountsLogins(t *testing.T) {
	w := newWorld(t)
	server := newSSHServer(t)
	port := listen(t, server.serve)
	second, err := net.Listen("tcp", "127.0.0.2:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { second.Close() })
	go func() {
		for {
			conn, err := second.Accept()
			if err != nil {
				return
			}
			go server.serve(conn)
		}
	}()
	w.redirect(port)

	g, plan, p := w.probing("web")
	another := plan.Candidates[0]
	another.Address = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), uint16(port))
	plan.Candidates = append([]resolve.Candidate{another}, plan.Candidates...)
	g.complete(t.Context(), plan, p)
	p.run(t.Context())
	f := g.snapshot()

	deadline := time.Now().Add(5 * time.Second)
	counted := func() (int, int, int, int) {
		server.mu.Lock()
		defer server.mu.Unlock()
		return server.connections, len(server.users), server.users["debian"], server.users["root"]
	}
	for n, _, _, _ := counted(); n < 3 && time.Now().Before(deadline); n, _, _, _ = counted() {
		time.Sleep(10 * time.Millisecond)
	}
	if n, users, debian, root := counted(); len(f.Probes) != 2 || n != 3 || users != 2 || debian != 1 || root != 1 {
		t.Errorf("%d probes, %d connections by %d users, %d by debian, %d by root", len(f.Probes), n, users, debian, root)
	}
	for _, p := range f.Probes {
		if p.Failed != nil || p.HostKey == nil {
			t.Errorf("probe %+v", p)
		}
	}
}

// A key exchange that only small segments bring through: the server looks at
// what the client's SYN has told.
func TestProbeSmallSegments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		small bool
	}{{"small segments pass", true}, {"nothing passes", false}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			server := newSSHServer(t)
			failed := w.probe(listen(t, func(conn net.Conn) {
				if c.small && segment(t, conn) <= smallSegment {
					server.serve(conn)
					return
				}
				_, _ = io.WriteString(conn, "SSH-2.0-stalling\r\n")
				_, _ = io.Copy(io.Discard, conn)
			}))
			if failed.Failed == nil || failed.Failed.Stage != connect.StageKeyExchange || failed.SmallSegments == nil || *failed.SmallSegments != c.small {
				t.Errorf("probe %+v", failed)
			}
		})
	}
}

// segment is the most that a connection sends at once, in bytes.
func segment(t *testing.T, conn net.Conn) int {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Error(err)
		return 0
	}
	size := 0
	if err = raw.Control(func(fd uintptr) { size, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG) }); err != nil {
		t.Error(err)
	}
	return size
}
