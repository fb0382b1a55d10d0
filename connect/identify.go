package connect

import (
	"bufio"
	"context"
	"net"
	"net/netip"
)

// Identify says how the SSH server at an address identifies itself (RFC 4253
// section 4.2), and hangs up: whether one answers, without a login. ctx bounds
// it. The errors are the network's, and *BannerError.
func Identify(ctx context.Context, address netip.AddrPort) (string, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address.String())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { expire(conn) })()
	return readIdentification(bufio.NewReader(conn))
}
