// Package demo is an OpenStack and its instances in one process: keystone,
// nova, neutron, glance and cinder over HTTP, and an SSH server for each
// instance, all on loopback. `osssh demo` is made of it, and tests talk to it.
//
// What is shared and what an API says follows the real services of OpenStack
// (nova 2.1 to 2.96, neutron v2.0, keystone v3, glance v2, cinder v3) as far as
// a client that logs in to instances can see. Only the caller's own user can
// use it: passwords, tokens and keys are made at each start.
package demo

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Options says what Start brings up. The zero value is the standard cloud.
type Options struct {
	SSHD      string        // absolute path of an sshd to answer in the instances; "": the server of this package
	Servers   int           // so many further servers that are records only, as Grow makes them
	Shell     string        // what instances run; "": /bin/sh, cmd.exe on Windows
	RootSleep time.Duration // how long root's "Please login as" answer stays; 0: 10 s as in cloud-init, negative: not at all
	Faults    []Fault       // injected before the first request
	Keys      *Keys         // the user's and the first RSA host key; nil: made anew, which takes most of a start
}

// Cloud is a running demo cloud. Its methods may be called concurrently.
type Cloud struct {
	options  Options
	name     string // in clouds.yaml, and of its user and project
	other    *Cloud // the second one, nil in that itself
	log      *callLog
	home     string
	base     string // http://127.0.0.1:PORT
	control  string // path of the control endpoint, unguessable
	http     *http.Server
	mux      *http.ServeMux
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	work     sync.WaitGroup // everything that Close waits for
	close    func() error
	portBase int          // the instances' SSH ports are portBase…portBase+portBlock-1
	block    net.Listener // on the last of them: the block is this cloud's; nil where all are taken

	mu          sync.Mutex // guards all that follows
	faults      []*Fault
	identity    identity
	keypairs    []*keypair
	servers     []*server // in the order they were made
	byID        map[string]*server
	network     network
	images      []object
	volumes     []object
	flavors     []object
	nextPort    int
	records     int                  // servers that Grow made
	nextAddress map[netip.Prefix]int // counts the fixed addresses given
	hostRSA     hostKey              // the RSA host key of all instances' first boot
}

// Start brings a cloud up, and beside it a small one of another project, which
// has an instance `web` too. They live until Close is called or ctx ends.
func Start(ctx context.Context, o Options) (*Cloud, error) {
	home, err := os.MkdirTemp("", "osssh-demo-") // 0700
	if err != nil {
		return nil, err
	}
	log := &callLog{}
	c, err := newCloud(ctx, o, mainName, home, log)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	if err = c.seed(); err == nil {
		o.Servers, o.Faults = 0, nil
		c.other, err = newCloud(ctx, o, otherName, filepath.Join(home, otherName), log)
	}
	if err == nil {
		err = c.other.seedOther(c)
	}
	if err == nil {
		err = c.writeClouds(false)
	}
	for _, f := range c.options.Faults {
		if err == nil {
			err = c.Inject(f)
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	context.AfterFunc(ctx, func() { _ = c.Close() })
	return c, nil
}

// newCloud makes an empty cloud, whose APIs answer.
func newCloud(ctx context.Context, o Options, name, home string, log *callLog) (*Cloud, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &Cloud{
		options:     o,
		name:        name,
		log:         log,
		home:        home,
		base:        "http://" + listener.Addr().String(),
		control:     "/" + hexID() + "/demo",
		byID:        map[string]*server{},
		nextAddress: map[netip.Prefix]int{},
	}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.close = sync.OnceValue(c.shutdown)
	c.mux = c.routes()
	c.http = &http.Server{Handler: c, ReadHeaderTimeout: 10 * time.Second}
	c.work.Go(func() { _ = c.http.Serve(listener) }) // ends with ErrServerClosed
	return c, nil
}

// Close ends every listener, connection and process and removes all files.
// Calling it again gives the first answer.
func (c *Cloud) Close() error { return c.close() }

func (c *Cloud) shutdown() error {
	c.cancel()
	err := c.http.Close()
	c.mu.Lock()
	for _, s := range c.servers {
		if s.instance != nil {
			s.instance.stop()
		}
	}
	for _, f := range c.network.forwardings {
		f.door.set(doorRefuses)
	}
	c.mu.Unlock()
	c.work.Wait()
	if c.block != nil {
		err = errors.Join(err, c.block.Close())
	}
	if c.other != nil {
		err = errors.Join(err, c.other.Close())
	}
	return errors.Join(err, os.RemoveAll(c.home))
}

// Other is the second cloud, `other` in clouds.yaml. Its calls are logged, its
// faults healed and its life ended with this one's.
func (c *Cloud) Other() *Cloud { return c.other }

// Home is the temporary home directory (0700) that holds clouds.yaml and .ssh.
func (c *Cloud) Home() string { return c.home }

// Env gives the variables under which a program finds this cloud and its keys,
// as NAME=value, sorted. SSH_AUTH_SOCK is emptied: the demo is for its own keys.
func (c *Cloud) Env() []string {
	env := []string{
		"HOME=" + c.home,
		"OSSSH_DEMO_CONTROL=" + c.base + c.control,
		"OS_CLIENT_CONFIG_FILE=" + filepath.Join(c.home, "clouds.yaml"),
		"OS_CLOUD=demo",
		"SSH_AUTH_SOCK=",
		"XDG_CACHE_HOME=" + filepath.Join(c.home, ".cache"),
		"XDG_CONFIG_HOME=" + filepath.Join(c.home, ".config"),
	}
	if runtime.GOOS == "windows" {
		env = append(env, "USERPROFILE="+c.home, "LOCALAPPDATA="+filepath.Join(c.home, ".cache"))
	}
	slices.Sort(env)
	return env
}

// Instance gives the first instance of that name that has an SSH server of its
// own, nil if there is none.
func (c *Cloud) Instance(name string) *Instance {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.servers {
		if s.name == name && s.instance != nil && !s.deleted {
			return s.instance
		}
	}
	return nil
}
