package shop

import "meshwork.dev/services/meshwork/feed"

func (s *Simulator) personRow(make bool, k int, n uint64, gone bool) (m feed.Message, ok bool) {
	s.tally.People++
	return m, false
}
func (s *Simulator) partnerRow(make bool, k int) (m feed.Message, ok bool) { return m, false }
func (s *Simulator) interaction(make bool, p *plan, n uint64) (m feed.Message, ok bool) {
	s.tally.Interactions++
	return m, false
}
