package openstack

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	maxRetries    = 3
	firstPause    = 200 * time.Millisecond // doubled each time
	maxRetryAfter = 10 * time.Second
)

// retryPause says how long to wait before a failed call is sent again, if it
// may be: an overloaded service, or a connection that was refused or dropped.
// A timeout is not repeated: who waits that long again waits for nothing.
func retryPause(err error, retry int) (time.Duration, bool) {
	backoff := firstPause << retry
	pause := backoff/2 + rand.N(backoff/2)
	var api *APIError
	if errors.As(err, &api) {
		switch api.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			if api.retryAfter >= 0 {
				pause = min(api.retryAfter, maxRetryAfter)
			}
			return pause, true
		}
		return 0, false
	}
	var unreachable *UnreachableError
	return pause, errors.As(err, &unreachable) && dropped(unreachable.Err)
}

// dropped tells a refused or broken connection from lasting troubles: a name
// that does not exist, a certificate that does not verify, a timeout.
func dropped(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	var name *net.DNSError
	var alert tls.AlertError
	var op *net.OpError
	if errors.As(err, &name) || errors.As(err, &alert) || !errors.As(err, &op) {
		return false
	}
	return !op.Timeout()
}

// retryAfter reads a Retry-After header (RFC 9110, 10.2.3); negative if there
// is none to go by.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(0, date.Sub(now))
	}
	return -1
}

// sleep waits, unless ctx ends before that.
func sleep(ctx context.Context, pause time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
