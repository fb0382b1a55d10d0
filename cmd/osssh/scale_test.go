package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"osssh/internal/demo"
)

const (
	manyServers = 10_000
	novaPage    = 1000      // servers on a page, as nova's max_limit is set by default
	listCeiling = 150 << 20 // bytes of memory that a listing of manyServers may take
)

// A login costs the same calls and the same bytes however large the project is.
func TestLoginCost(t *testing.T) {
	cloud := onDemo(t, demo.Options{Servers: 10})
	names := []string{"web", "direct", "forwarded"}
	small := map[string]cost{}
	for _, name := range names {
		small[name] = loginCost(t, cloud, name)
	}
	cloud.Grow(manyServers)
	for _, name := range names {
		few, many := small[name], loginCost(t, cloud, name)
		t.Logf("%s: %d calls, %d bytes with 10 servers; %d calls, %d bytes with %d", name, few.calls, few.bytes, many.calls, many.bytes, manyServers)
		if few.calls != many.calls || math.Abs(float64(many.bytes-few.bytes)) > float64(few.bytes)/10 {
			t.Errorf("%s: %s with %d servers, %s with 10", name, many, manyServers, few)
		}
	}
}

// cost is what a command asked a cloud for.
type cost struct {
	calls int
	bytes int64
	paths []string // with the bytes of each answer
}

func (c cost) String() string {
	return fmt.Sprintf("%d calls, %d bytes\n  %s\n", c.calls, c.bytes, strings.Join(c.paths, "\n  "))
}

func loginCost(t *testing.T, cloud *demo.Cloud, name string) cost {
	t.Helper()
	cloud.ResetCalls()
	if status, _, stderr := osssh(t, "--no-cache", name, "true"); status != 0 {
		t.Fatalf("%s: status %d, %q", name, status, stderr)
	}
	return costOf(cloud)
}

func costOf(cloud *demo.Cloud) cost {
	var sum cost
	for _, call := range cloud.Calls() {
		sum.calls++
		sum.bytes += call.Bytes
		sum.paths = append(sum.paths, fmt.Sprintf("%7d %s%s", call.Bytes, call.Service, call.Path))
	}
	slices.Sort(sum.paths)
	return sum
}

// A listing of many servers takes little memory, asks for no server by itself,
// and in a pipe shows a page before it has the last one.
func TestListScale(t *testing.T) {
	binary := buildOsssh(t)
	cloud := onDemo(t, demo.Options{Servers: manyServers})
	for _, asJSON := range []bool{true, false} {
		cloud.ResetCalls()
		run := startList(t, binary, asJSON)
		if !asJSON {
			if _, err := run.out.Peek(1); err != nil {
				t.Fatal(err)
			}
			if early := serverPages(cloud); early < 1 || early > 4 {
				t.Errorf("%d pages were read before the first line", early)
			}
		}
		text := run.wait(t)
		if got := countServers(t, text, asJSON); got < manyServers {
			t.Errorf("JSON %v: %d servers", asJSON, got)
		}
		t.Logf("JSON %v: %d MiB of memory, %d calls", asJSON, run.peak>>20, costOf(cloud).calls)
		if run.peak > listCeiling || runtime.GOOS == "linux" && run.peak == 0 {
			t.Errorf("JSON %v: %d MiB of memory", asJSON, run.peak>>20)
		}
		if pages := serverPages(cloud); pages != manyServers/novaPage+1 || costOf(cloud).calls > 2*pages+12 {
			t.Errorf("JSON %v: %s", asJSON, costOf(cloud))
		}
		if err := cloud.Inject(demo.Fault{Service: "nova", Path: "/v2.1/servers/detail", Delay: 100 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
	}
}

// serverPages counts the pages of servers that were asked for.
func serverPages(cloud *demo.Cloud) int {
	pages := 0
	for _, call := range cloud.Calls() {
		if strings.HasPrefix(call.Path, "/v2.1/servers/detail") {
			pages++
		}
	}
	return pages
}

// buildOsssh builds the program as it is shipped: the test's own binary may
// have the race detector in it.
func buildOsssh(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "osssh")
	if out, err := exec.Command("go", "build", "-tags", "urfave_cli_no_docs", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func countServers(t *testing.T, text string, asJSON bool) int {
	t.Helper()
	if !asJSON {
		return strings.Count(text, "\n")
	}
	var answer struct {
		Servers []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Error(err)
	}
	return len(answer.Servers)
}

// listRun is osssh list at work.
type listRun struct {
	cmd  *exec.Cmd
	out  *bufio.Reader
	peak int64 // bytes of resident memory, as far as Linux tells
}

func startList(t *testing.T, binary string, asJSON bool) *listRun {
	t.Helper()
	cmd := exec.Command(binary, "--no-cache", "list", fmt.Sprintf("--json=%v", asJSON))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return &listRun{cmd: cmd, out: bufio.NewReader(out)}
}

// wait reads the rest and looks at the process meanwhile.
func (r *listRun) wait(t *testing.T) string {
	t.Helper()
	read, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-tick.C:
				r.peak = max(r.peak, r.resident())
			case <-read:
				return
			}
		}
	}()
	text, err := io.ReadAll(r.out)
	close(read)
	<-watched
	if err == nil {
		err = r.cmd.Wait()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// resident is the most memory that the process has held. wait4 tells it too, but
// begins with what the process that forked it held (kernel/exit.c, maxrss).
func (r *listRun) resident() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseInt(kib, 10, 64)
	if err != nil {
		return 0 // it has ended
	}
	return n << 10
}
