package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/crypto/ssh/agent"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/reach"
)

// process is osssh as it was started: its streams, its environment, its flags.
type process struct {
	globals
	ctx                   context.Context
	stdin, stdout, stderr *os.File
	env                   func(string) string
	ui                    *ui
	client                *openstack.Client // of the cloud that a NAME was found in; nil: to be made
}

// fail says why a command failed, and gives the status to exit with.
func (p *process) fail(err error, status int) int {
	p.ui.progress.Stop()
	if p.ctx.Err() != nil { // ctrl-C needs no explanation
		return status
	}
	if !p.ui.quiet {
		p.ui.explain(err)
	}
	return status
}

// home is the user's home directory, as os.UserHomeDir finds it.
func (p *process) home() (string, error) {
	variable := "HOME"
	if runtime.GOOS == "windows" {
		variable = "USERPROFILE"
	}
	if home := p.env(variable); home != "" {
		return home, nil
	}
	return "", fmt.Errorf("%s is not set", variable)
}

// cacheDir is the XDG cache directory's osssh/, or "" where nothing shall be
// cached.
func (p *process) cacheDir() string {
	if p.noCache || p.env("OSSSH_NO_CACHE") == "1" {
		return ""
	}
	dir := p.env("XDG_CACHE_HOME")
	if dir == "" {
		var err error
		if dir, err = os.UserCacheDir(); err != nil {
			return ""
		}
	}
	return filepath.Join(dir, "osssh")
}

// loadCloud reads the configuration of the cloud that the flags or the
// environment name.
func (p *process) loadCloud() (*openstack.Cloud, error) {
	if p.allClouds && p.cloud == "" {
		return nil, &usageError{"--all-clouds is for list, and to find a NAME"}
	}
	options, err := p.cloudOptions()
	if err != nil {
		return nil, err
	}
	return openstack.Load(options)
}

// cloudOptions say where the configuration comes from.
func (p *process) cloudOptions() (openstack.Options, error) {
	home, err := p.home()
	if err != nil {
		return openstack.Options{}, err
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = "" // it is gone: then nothing is searched there
	}
	return openstack.Options{
		Cloud: p.cloud, Region: p.region, Project: p.project, Interface: p.iface,
		Env: p.env, Dir: dir, Home: home,
	}, nil
}

// connector gives the function that signs in to a cloud: once, and asking the
// user only when it may.
func (p *process) connector(cloud *openstack.Cloud) func(context.Context, bool) (*openstack.Client, error) {
	var mu sync.Mutex
	client := p.client
	return func(ctx context.Context, mayAsk bool) (*openstack.Client, error) {
		mu.Lock()
		defer mu.Unlock()
		if client != nil {
			return client, nil
		}
		options := openstack.ClientOptions{
			CacheDir:  p.cacheDir(),
			Proxy:     http.ProxyFromEnvironment,
			UserAgent: "osssh/" + version(),
			Warn:      func(err error) { p.ui.debugf("%v", err) },
		}
		if p.debug {
			options.Trace = p.ui.traceCall
		}
		if mayAsk {
			options.Password = func(ctx context.Context) (string, error) { return p.ui.password(ctx, cloud, "password") }
			options.Passcode = func(ctx context.Context) (string, error) { return p.ui.password(ctx, cloud, "one-time code") }
		}
		connected, err := openstack.Connect(ctx, cloud, options)
		if err == nil {
			client = connected
		}
		return connected, err
	}
}

// reachConfig gathers what package reach is given by this process.
func (p *process) reachConfig() (*reach.Config, error) {
	cloud, err := p.loadCloud()
	if err != nil {
		return nil, err
	}
	home, err := p.home()
	if err != nil {
		return nil, err
	}
	local, err := reach.LocalNetwork()
	if err != nil {
		return nil, err
	}
	source, err := sourceAddress(cmp.Or(p.source, p.env("OSSSH_SOURCE")))
	if err != nil {
		return nil, err
	}
	return &reach.Config{
		Cloud: cloud, Client: p.connector(cloud), Local: local, Source: source,
		KnownHosts: filepath.Join(home, ".ssh", "osssh", "known_hosts"),
		Keys:       keystore.Search{Home: home, Agent: sshAgent(p.env("SSH_AUTH_SOCK"))},
		Memory:     reach.NewMemory(p.cacheDir(), cloud),
		Agent:      sshAgent, Shell: p.shell(), LocalUser: localUser(),
		Version:      "SSH-2.0-osssh",
		ChooseServer: p.ui.chooseServer, StartServer: p.ui.startServer, Passphrase: p.ui.passphrase, ProtectKey: p.ui.protectKey,
		AcceptHostKey: p.ui.acceptHostKey, Banner: p.ui.banner, Notify: p.ui.note,
		Trace: func(e connect.Event) { p.ui.traceConnection(e) }, Stage: p.ui.stage,
	}, nil
}

func sourceAddress(given string) (netip.Addr, error) {
	if given == "" {
		return netip.Addr{}, nil
	}
	address, err := netip.ParseAddr(given)
	if err != nil {
		return netip.Addr{}, &usageError{fmt.Sprintf("--source or OSSSH_SOURCE is no address: %q", given)}
	}
	return address, nil
}

// sshAgent joins the agent behind a socket, nil where there is none.
func sshAgent(socket string) agent.ExtendedAgent {
	if socket == "" {
		return nil
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil
	}
	return agent.NewClient(conn)
}
