package diagnose

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"osssh/reach"
)

// runFix runs what a finding says is to be typed: osssh and file tools as they
// are, and what openstack changes in records through the demo's own.
func runFix(s *stage, fix Fix) {
	s.t.Helper()
	if !s.changeRecord(fix.Command) {
		s.shell(fix.Command)
	}
}

// enabling are the commands of openstack that change one field.
var enabling = []struct {
	form   *regexp.Regexp
	record string
	set    func(match []string) map[string]any
}{
	{regexp.MustCompile(`^openstack (port|network|router) set --enable (\S+)$`), "${1}s/$2",
		func([]string) map[string]any { return map[string]any{"admin_state_up": true, "status": "ACTIVE"} }},
	{regexp.MustCompile(`^openstack router set --external-gateway (\S+) (\S+)$`), "routers/$2",
		func(m []string) map[string]any {
			return map[string]any{"external_gateway_info": map[string]any{"network_id": m[1]}}
		}},
	{regexp.MustCompile(`^openstack subnet set --gateway (\S+) (\S+)$`), "subnets/$2",
		func(m []string) map[string]any { return map[string]any{"gateway_ip": m[1]} }},
}

// actions are the commands of openstack that are one action of a server.
var actions = []struct {
	form *regexp.Regexp
	body string
}{
	{regexp.MustCompile(`^openstack server restore (\S+)$`), `{"restore":null}`},
	{regexp.MustCompile(`^openstack server unrescue (\S+)$`), `{"unrescue":null}`},
}

// runLogin runs a login that the fix names in place of the one that failed.
func runLogin(s *stage, fix Fix) {
	s.t.Helper()
	s.shell(fix.Command)
	s.request = reach.Request{Name: "web"}
}

func (s *stage) changeRecord(command string) bool {
	for _, one := range enabling {
		if match := one.form.FindStringSubmatch(command); match != nil {
			s.record(one.form.ReplaceAllString(command, one.record), one.set(match))
			return true
		}
	}
	for _, one := range actions {
		if match := one.form.FindStringSubmatch(command); match != nil {
			s.call("POST", "/compute/v2.1/servers/"+match[1]+"/action", one.body)
			return true
		}
	}
	return false
}

// commandPatience bounds one command.
const commandPatience = 30 * time.Second

// shell types a command where osssh and its home are the demo's. A question is
// answered, a login runs a command.
func (s *stage) shell(command string) {
	s.t.Helper()
	switch {
	case strings.HasPrefix(command, "osssh allow "):
		command += " --yes"
	case strings.HasPrefix(command, "osssh key "):
	case strings.HasPrefix(command, "ssh "):
		command += " -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null true"
	case strings.HasPrefix(command, "osssh "):
		// a second boot prints no host keys
		command += " -o StrictHostKeyChecking=accept-new true"
	}
	cmd := exec.CommandContext(s.t.Context(), "sh", "-c", command)
	cmd.WaitDelay = time.Second
	cmd.Env = append(s.Env(), "PATH="+filepath.Dir(program(s.t))+string(os.PathListSeparator)+os.Getenv("PATH"))
	timer := time.AfterFunc(commandPatience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

var built struct {
	once sync.Once
	path string
	err  error
	out  []byte
}

// program builds osssh, once.
func program(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "osssh-scenarios-")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "osssh")
		built.out, built.err = exec.Command("go", "build", "-tags", "urfave_cli_no_docs", "-o", built.path, "osssh/cmd/osssh").CombinedOutput()
	})
	if built.err != nil {
		t.Fatalf("building osssh: %v\n%s", built.err, built.out)
	}
	return built.path
}
