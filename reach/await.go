package reach

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/keystore"
)

const (
	// firstPause and longestPause lie between two looks at a server.
	firstPause   = time.Second
	longestPause = 3 * time.Second
	// startPatience is how long a server that was started is waited for, where
	// the user names no time.
	startPatience = 5 * time.Minute
	// actionPatience is how long nova may show the old state after it has taken
	// an action; then the action has failed.
	actionPatience = 10 * time.Second
)

// NotReadyError says that a server did not answer in the time that it was given.
type NotReadyError struct {
	Server openstack.Server // as nova showed it last
	Limit  time.Duration
	Boot   console.Log // what the console told of the boot; zero where it was not reached
}

func (e *NotReadyError) Error() string {
	return fmt.Sprintf("server %q did not answer within %s", e.Server.Name, e.Limit)
}

// BootError says that a boot has ended before an SSH server could start.
type BootError struct {
	Server openstack.Server
	Fault  console.Fault
}

func (e *BootError) Error() string {
	return fmt.Sprintf("the boot of server %q has failed: %s", e.Server.Name, e.Fault.ID)
}

// StartError says that nova did not start a server.
type StartError struct {
	Server openstack.Server
	Action openstack.PowerAction
	Err    error // an *openstack.APIError; nil: it took the action, and nothing came of it
}

func (e *StartError) Error() string {
	return fmt.Sprintf("server %q could not be started: %v", e.Server.Name, e.Err)
}

func (e *StartError) Unwrap() error { return e.Err }

// wait is one login's waiting for its server.
type wait struct {
	config  *Config
	request Request
	client  *openstack.Client
	scan    func() (*keystore.Index, error)

	began  time.Time
	limit  time.Duration    // 0: nothing is waited for
	server openstack.Server // as nova showed it last
	looked bool             // nova was asked again
	stale  bool             // what was explored is
	acted  time.Time        // when it was started; zero: it was not
	before string           // what the console said until then
	told   string           // the stage that was shown last
	boot   bootLog
}

// await is explore for a login: it waits for a server that is about to answer,
// and starts one that is down, as far as the request or the user wants that.
func await(ctx context.Context, c *Config, r Request, client *openstack.Client, server openstack.Server,
	scan func() (*keystore.Index, error)) (*Plan, error) {
	w := &wait{config: c, request: r, client: client, scan: scan, began: time.Now(), limit: r.Wait, server: server}
	if r.Start && (!mayAnswer(server) || inTransition(server)) && w.limit == 0 {
		w.limit = startPatience
	}
	if err := w.untilUp(ctx); err != nil {
		return nil, err
	}
	p, err := explore(ctx, c, r, client, w.server, scan)
	if err != nil || w.limit == 0 {
		return p, err
	}
	return w.untilReady(ctx, p)
}

// untilUp brings the server to a state in which it may answer.
func (w *wait) untilUp(ctx context.Context) error {
	if err := w.bounded(ctx, w.untilSettled); err != nil {
		return err
	}
	if action, down := wayUp(w.server); down {
		if err := w.start(ctx, action); err != nil {
			return err
		}
		if err := w.bounded(ctx, w.untilSettled); err != nil {
			return err
		}
		if _, down := wayUp(w.server); down {
			return &StartError{Server: w.server, Action: action}
		}
	}
	if !mayAnswer(w.server) || w.looked && w.server.Status == "ERROR" {
		return &StateError{w.server}
	}
	return nil
}

// wayUp is the action that brings a server back; false for one that is not down.
func wayUp(s openstack.Server) (openstack.PowerAction, bool) {
	switch s.Status {
	case "SHUTOFF":
		return openstack.Start, true
	case "PAUSED":
		return openstack.Unpause, true
	case "SUSPENDED":
		return openstack.Resume, true
	case "SHELVED", "SHELVED_OFFLOADED":
		return openstack.Unshelve, true
	}
	return "", false
}

// inTransition says whether nova is about to bring a server into another state.
func inTransition(s openstack.Server) bool {
	switch s.Status {
	case "BUILD", "REBOOT", "HARD_REBOOT", "REBUILD", "RESIZE", "REVERT_RESIZE":
		return true
	case "ERROR", "DELETED":
		return false
	}
	return !s.KeepsRunning()
}

// untilSettled follows the server's status as long as it will change by itself.
func (w *wait) untilSettled(ctx context.Context) error {
	for pause := firstPause; ; pause = min(pause*3/2, longestPause) {
		_, down := wayUp(w.server)
		if !inTransition(w.server) && (!down || time.Since(w.acted) > actionPatience) {
			return nil
		}
		w.stage(stateStage(w.server))
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		if err := w.look(ctx); err != nil {
			return err
		}
	}
}

// stateStage is a state as the progress shows it.
func stateStage(s openstack.Server) string {
	if s.TaskState == "" {
		return s.Status
	}
	return s.Status + ", " + s.TaskState
}

// start brings the server back, if the request or the user says so.
func (w *wait) start(ctx context.Context, action openstack.PowerAction) error {
	yes, err := w.mayStart(ctx, action)
	if err != nil {
		return err
	}
	if !yes {
		return &StateError{w.server}
	}
	w.before, _ = w.client.Console(ctx, w.server.ID, -1) // an offloaded one has none
	w.config.note(Note{Kind: ServerStarted, Server: w.server})
	err = w.client.Power(ctx, w.server.ID, action)
	w.began, w.acted = time.Now(), time.Now()
	if w.limit == 0 {
		w.limit = startPatience
	}
	if err == nil {
		return w.look(ctx)
	}
	was := w.server
	var api *openstack.APIError
	if errors.As(err, &api) && api.Status == http.StatusConflict { // another may have started it meanwhile
		if again := w.look(ctx); again == nil && (w.server.Status != was.Status || inTransition(w.server)) {
			return nil
		}
	}
	return &StartError{Server: was, Action: action, Err: err}
}

func (w *wait) mayStart(ctx context.Context, action openstack.PowerAction) (bool, error) {
	if w.request.Start || w.config.StartServer == nil {
		return w.request.Start, nil
	}
	return w.config.StartServer(ctx, w.server, action)
}

// look asks nova for the server. An API that is ill for a while is no error.
func (w *wait) look(ctx context.Context) error {
	server, err := w.client.Server(ctx, w.server.ID)
	w.looked = true
	switch {
	case err == nil:
		w.server = *server
	case openstack.IsNotFound(err):
		w.server.Status, w.server.TaskState = "DELETED", ""
	case !passes(err):
		return err
	}
	return ctx.Err()
}

// passes says whether an API's error may be gone at the next call.
func passes(err error) bool {
	var api *openstack.APIError
	if errors.As(err, &api) {
		return api.Status >= http.StatusInternalServerError || api.Status == http.StatusTooManyRequests
	}
	var unreachable *openstack.UnreachableError
	var body *openstack.BodyError
	return errors.As(err, &unreachable) || errors.As(err, &body)
}

// bounded runs a part of the waiting, which ends with the time given to the whole.
func (w *wait) bounded(ctx context.Context, part func(context.Context) error) error {
	if w.limit == 0 {
		return nil
	}
	limited, cancel := context.WithDeadline(ctx, w.began.Add(w.limit))
	defer cancel()
	err := part(limited)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return &NotReadyError{Server: w.server, Limit: w.limit, Boot: w.boot.Log}
	}
	return err
}

// stage shows what is being waited for, once.
func (w *wait) stage(s string) {
	if s != w.told {
		w.told = s
		w.config.stage("waiting for " + w.server.Name + ": " + s)
	}
}

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
