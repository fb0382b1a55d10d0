package connect

import (
	"strings"
	"testing"
)

func TestLoginHint(t *testing.T) {
	tests := []struct{ output, want string }{
		{"Please login as the user \"ubuntu\" rather than the user \"root\".\n\n", "ubuntu"},
		{"Please login as the user \"ec2-user\" rather than the user \"root\".\r\n\r\n", "ec2-user"},
		{"motd\nPlease login as the user \"debian\" rather than the user \"root\".", "debian"},
		{"Please login as 'cirros' user, not as root\n", "cirros"},
		{"Please login as the user \"NONE\" rather than the user \"root\".\n", ""},
		{"Please login as the user \"a;rm -rf\" rather than the user \"root\".\n", ""},
		{"Please login as the user \"-oProxyCommand\" rather than the user \"root\".\n", ""},
		{"Please login as the user \"" + strings.Repeat("a", 33) + "\" rather than the user \"root\".\n", ""},
		{"# Please login as the user \"ubuntu\" rather than the user \"root\".\n", ""},
		{strings.Repeat("x\n", hintBytes) + "Please login as 'cirros' user, not as root\n", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got, ok := LoginHint(tt.output); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%.60q: got %q, %v; want %q", tt.output, got, ok, tt.want)
		}
	}
}
