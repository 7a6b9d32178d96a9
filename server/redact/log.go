package redact

import (
	"context"
	"fmt"
	"log/slog"
)

// Handler returns a slog.Handler that hands records on to next without the secrets in their messages and attributes.
func (r *Redactor) Handler(next slog.Handler) slog.Handler { return &handler{r, next} }

type handler struct {
	r    *Redactor
	next slog.Handler
}

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, rec slog.Record) error {
	message := h.r.Text(rec.Message)
	changed := message != rec.Message
	rec.Attrs(func(a slog.Attr) bool {
		if !changed {
			_, changed = h.attr(a)
		}
		return !changed
	})
	if !changed {
		return h.next.Handle(ctx, rec)
	}
	clean := slog.NewRecord(rec.Time, rec.Level, message, rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		a, _ = h.attr(a)
		clean.AddAttrs(a)
		return true
	})
	return h.next.Handle(ctx, clean)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i], _ = h.attr(a)
	}
	return &handler{h.r, h.next.WithAttrs(clean)}
}

func (h *handler) WithGroup(name string) slog.Handler { return &handler{h.r, h.next.WithGroup(name)} }

// attr returns an attribute without its secrets, and whether it had any.
func (h *handler) attr(a slog.Attr) (clean slog.Attr, changed bool) {
	a.Value = a.Value.Resolve()
	v := h.r.keys.judge([]byte(a.Key))
	switch a.Value.Kind() {
	case slog.KindGroup:
		group := make([]slog.Attr, 0, len(a.Value.Group()))
		for _, member := range a.Value.Group() {
			c := false
			if v.how >= normal && member.Value.Kind() != slog.KindGroup { // all below a secret's name is under it
				member.Value, c = h.value(member.Value.Resolve(), v)
			} else {
				member, c = h.attr(member)
			}
			group, changed = append(group, member), changed || c
		}
		if changed {
			a.Value = slog.GroupValue(group...)
		}
		return a, changed
	}
	a.Value, changed = h.value(a.Value, v)
	return a, changed
}

// value returns what stands under a key of this verdict without its secrets.
func (h *handler) value(v slog.Value, key verdict) (clean slog.Value, changed bool) {
	switch v.Kind() {
	case slog.KindString, slog.KindAny:
		text := v.String()
		if v.Kind() == slog.KindAny {
			switch x := v.Any().(type) {
			case error:
				text = x.Error()
			case []byte:
				text = string(x)
			default:
				text = fmt.Sprintf("%+v", x)
			}
		}
		redacted := h.r.Text(text)
		if key.how != harmless && h.r.on(key.kind) && !h.r.spares(key, []byte(text)) && h.r.wants(key.kind, []byte(text)) {
			redacted = h.r.marks[key.kind]
			h.r.counts[key.kind].Add(1)
		}
		if redacted == text {
			return v, false
		}
		return slog.StringValue(redacted), true
	case slog.KindInt64, slog.KindUint64, slog.KindFloat64:
		if key.how == strong && h.r.wants(key.kind, []byte(v.String())) {
			h.r.counts[key.kind].Add(1)
			return slog.StringValue(h.r.marks[key.kind]), true
		}
	}
	return v, false
}
