//go:build !linux

package stream

import (
	"errors"
	"net/http"
	"sync/atomic"
)

// canDetach says whether this system has what detached streams need.
const canDetach = false

// worker has nothing to do here: all streams are portable.
type worker struct{ slowest atomic.Uint64 }

func newWorker(*Server) (*worker, error) { return nil, errors.ErrUnsupported }

func (w *worker) run()     {}
func (w *worker) discard() {}

func (w *worker) prod(*Handle) {}
func (w *worker) turn()        {}

func (s *Server) detach(http.ResponseWriter, *http.Request, *talk, Request) bool { return false }
