//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"osssh/internal/demo"
)

// BenchmarkLogin runs a command on the instance web by osssh from a warm cache
// and by plain ssh with everything worked out, in turn, and tells how they
// compare: osssh's median time as a part of ssh's.
func BenchmarkLogin(b *testing.B) {
	home := b.TempDir()
	bin := buildOsssh(b)
	if err := prepareHome(home); err != nil {
		b.Fatal(err)
	}
	run := timed(b, append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+filepath.Join(home, ".cache"), "SSH_AUTH_SOCK=",
		"OS_CLOUD=demo", "OS_CLIENT_CONFIG_FILE="+filepath.Join(state(), "clouds.yaml")))
	run(bin, "web", "true") // warms the cache
	out, _ := run(bin, "list", "--json")
	var list struct {
		Servers []struct {
			Name, Address string
			Port          int
		}
	}
	if err := json.Unmarshal(out, &list); err != nil {
		b.Fatal(err)
	}
	var address, port string
	for _, s := range list.Servers {
		if s.Name == "web" {
			address, port = s.Address, strconv.Itoa(s.Port)
		}
	}
	if net.ParseIP(address) == nil {
		b.Fatalf("web has no address: %q", address)
	}
	ssh := []string{"-F", "none", "-p", port, "-i", filepath.Join(home, ".ssh", "ed25519"), "-o", "IdentitiesOnly=yes",
		"-o", "StrictHostKeyChecking=accept-new", "-o", "LogLevel=ERROR",
		"-o", "UserKnownHostsFile=" + filepath.Join(home, "known_hosts"), "debian@" + address, "true"}
	run("ssh", ssh...)

	var ours, theirs []time.Duration
	for b.Loop() {
		_, took := run(bin, "web", "true")
		ours = append(ours, took)
		_, took = run("ssh", ssh...)
		theirs = append(theirs, took)
	}
	b.ReportMetric(float64(median(ours))/float64(median(theirs)), "osssh/ssh")
	b.ReportMetric(float64(median(ours).Milliseconds()), "ms-osssh")
	b.ReportMetric(float64(median(theirs).Milliseconds()), "ms-ssh")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkList lists 10,000 servers of the demo cloud by osssh and by
// openstackclient, in turn: osssh's median time as a part of the other's, though
// it asks for ports, security groups and keys too.
func BenchmarkList(b *testing.B) {
	cloud, err := demo.Start(b.Context(), demo.Options{Servers: 10_000})
	if err != nil {
		b.Fatal(err)
	}
	defer cloud.Close()
	bin := buildOsssh(b)
	run := timed(b, append(os.Environ(), cloud.Env()...))
	var ours, theirs []time.Duration
	for b.Loop() {
		out, took := run(bin, "list")
		ours = append(ours, took)
		other, took := run("openstack", "server", "list", "--limit", "-1", "-f", "value")
		theirs = append(theirs, took)
		if n, m := bytes.Count(out, []byte("\n")), bytes.Count(other, []byte("\n")); n < 10_000 || n != m {
			b.Fatalf("%d servers, and %d by openstackclient", n, m)
		}
	}
	b.ReportMetric(float64(median(ours))/float64(median(theirs)), "osssh/openstack")
	b.ReportMetric(float64(median(ours).Milliseconds()), "ms-osssh")
	b.ReportMetric(float64(median(theirs).Milliseconds()), "ms-openstack")
	b.ReportMetric(0, "ns/op")
}

func buildOsssh(b *testing.B) string {
	b.Helper()
	bin := filepath.Join(b.TempDir(), "osssh")
	build := exec.Command("go", "build", "-tags", "urfave_cli_no_docs", "-o", bin, "../cmd/osssh")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// timed gives a function that runs a program and says how long it took.
func timed(b *testing.B, env []string) func(name string, args ...string) ([]byte, time.Duration) {
	return func(name string, args ...string) ([]byte, time.Duration) {
		b.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = env
		began := time.Now()
		out, err := cmd.Output()
		if err != nil {
			b.Fatalf("%s %q: %v", name, args, err)
		}
		return out, time.Since(began)
	}
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
