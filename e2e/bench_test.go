//go:build e2e

package e2e

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// BenchmarkLogin runs a command on the instance web by osssh from a warm cache
// and by plain ssh with everything worked out, in turn, and tells how they
// compare: osssh's median time as a part of ssh's.
func BenchmarkLogin(b *testing.B) {
	home := b.TempDir()
	bin := filepath.Join(b.TempDir(), "osssh")
	build := exec.Command("go", "build", "-tags", "urfave_cli_no_docs", "-o", bin, "../cmd/osssh")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	if err := prepareHome(home); err != nil {
		b.Fatal(err)
	}
	env := append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+filepath.Join(home, ".cache"), "SSH_AUTH_SOCK=",
		"OS_CLOUD=demo", "OS_CLIENT_CONFIG_FILE="+filepath.Join(state(), "clouds.yaml"))
	run := func(name string, args ...string) ([]byte, time.Duration) {
		cmd := exec.Command(name, args...)
		cmd.Env = env
		began := time.Now()
		out, err := cmd.Output()
		if err != nil {
			b.Fatalf("%s %q: %v", name, args, err)
		}
		return out, time.Since(began)
	}
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

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
