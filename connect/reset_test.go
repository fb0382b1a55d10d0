package connect

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// A reset may come while this side's identification is on its way: then the write
// fails, and it is no other than one that fails the read.
func TestResetBeforeIdentification(t *testing.T) {
	c := listen(t, func(c net.Conn) {
		time.Sleep(30 * time.Millisecond) // until connect has returned
		_ = c.(*net.TCPConn).SetLinger(0) // listen closes it
	})
	c.Dial = func(ctx context.Context) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.Address.String())
		time.Sleep(150 * time.Millisecond) // until the reset is there
		return conn, err
	}
	_, err := Dial(t.Context(), []Candidate{c}, configFor(t))
	attempts := failedDial(t, err, StageBanner)
	var banner *BannerError
	if !errors.As(attempts[0].Err, &banner) || banner.Text != "" || banner.Err == nil {
		t.Errorf("%v", attempts[0].Err)
	}
}
