package churn

import (
	"fmt"
	"math"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/churndetect"
	"meshwork.dev/services/churn/model"
)

// customerOf turns a history into what the models take.
func customerOf(days []churndetect.PurchaseDay, contacts []churndetect.ContactDay) model.Customer {
	var m model.Customer
	m.Days = make([]model.Day, len(days))
	for i, d := range days {
		m.Days[i] = model.Day{Day: int(d.Day), Orders: int(d.Orders), Value: d.Net.Float()}
	}
	for _, d := range contacts {
		m.Contacts = append(m.Contacts, model.Contact{Day: int(d.Day), Count: int(d.Count), Sentiment: d.Sentiment.Float()})
	}
	return m
}

// modelID names a fit.
func modelID(family model.Family, cut schemas.Date) string {
	return string(family) + "-" + cut.String()
}

// families are the names of families in the contract.
func familyOf(f model.Family) churndetect.ModelFamily {
	switch f {
	case model.FamilyBG:
		return churndetect.ModelFamilyBgNbd
	case model.FamilyMBG:
		return churndetect.ModelFamilyMbgNbd
	case model.FamilyPareto:
		return churndetect.ModelFamilyParetoNbd
	case model.FamilyLogistic:
		return churndetect.ModelFamilyLogistic
	default:
		return churndetect.ModelFamilyUnknown
	}
}

// finite is a number where there is one.
func finite(v float64) schemas.Opt[float64] {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return schemas.None[float64]()
	}
	return schemas.Some(v)
}

// modelRow is a fit as it is published.
func modelRow(m *model.Fitted, cut schemas.Date, asOf time.Time) churndetect.ChurnModel {
	row := churndetect.ChurnModel{
		ModelID: modelID(m.Family, cut), Family: familyOf(m.Family), LogLikelihood: m.LogLikelihood,
		Customers: int32(m.Customers), HorizonDays: int32(m.Horizon), Iterations: int32(m.Iterations),
		Evaluations: int32(m.Evaluations), Starts: int32(m.Starts), Converged: m.Converged, GradientNorm: m.Gradient,
		ConditionNumber: finite(m.Condition), Degenerate: m.Degenerate != "", Cut: cut, AsOf: asOf,
	}
	for _, p := range m.Parameters {
		out := churndetect.ModelParameter{Name: p.Name, Value: p.Value, StandardError: finite(p.SE)}
		if p.Feature {
			out.Centre, out.Scale = schemas.Some(p.Centre), schemas.Some(p.Scale)
		}
		row.Parameters = append(row.Parameters, out)
	}
	if m.Degenerate != "" {
		row.DegenerateReason = schemas.Some(m.Degenerate)
	}
	if m.Family == model.FamilyLogistic {
		row.TrainedFrom = schemas.Some(schemas.Date(m.TaughtUntil + 1))
	}
	if h := m.Holdout; h != nil {
		row.Holdout = schemas.Some(churndetect.HoldoutQuality{
			Cut: schemas.Date(h.Cut + 1), Customers: int32(h.Customers), Active: int32(h.Active),
			Auc: h.AUC, Brier: h.Brier, Ece: h.ECE,
		})
	}
	return row
}

// fittedOf is a published fit, ready to score. The error tells why it cannot.
func fittedOf(row *churndetect.ChurnModel) (*model.Fitted, error) {
	m := &model.Fitted{Horizon: int(row.HorizonDays)}
	switch row.Family {
	case churndetect.ModelFamilyBgNbd:
		m.Family = model.FamilyBG
	case churndetect.ModelFamilyMbgNbd:
		m.Family = model.FamilyMBG
	case churndetect.ModelFamilyParetoNbd:
		m.Family = model.FamilyPareto
	case churndetect.ModelFamilyLogistic:
		m.Family = model.FamilyLogistic
	case churndetect.ModelFamilyUnknown:
	}
	for _, p := range row.Parameters {
		m.Parameters = append(m.Parameters, model.Parameter{
			Name: p.Name, Value: p.Value, Feature: p.Centre.Valid, Centre: p.Centre.Or(0), Scale: p.Scale.Or(0),
		})
	}
	if row.Degenerate {
		return nil, fmt.Errorf("fit %s is degenerate", row.ModelID)
	}
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("fit %s: %w", row.ModelID, err)
	}
	return m, nil
}

// rounded is v with so many decimals: what is behind them is noise of the last bits, and differs between processors.
func rounded(v float64, decimals int) float64 {
	f := math.Pow10(decimals)
	return math.Round(v*f) / f
}
