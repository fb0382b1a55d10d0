package demo

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"testing"
	"time"
)

func TestServeByHand(t *testing.T) {
	if os.Getenv("DEMO_SERVE") == "" {
		return
	}
	start := time.Now()
	c, err := Start(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(time.Since(start))
	f, _ := os.Create("/tmp/demo.env")
	for _, e := range c.Env() {
		fmt.Fprintln(f, "export", e)
	}
	f.Close()
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, os.Interrupt)
	select {
	case <-ch:
	case <-time.After(300 * time.Second):
	}
	fmt.Println(c.Close())
}
