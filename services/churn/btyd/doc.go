// Package btyd fits models of customers who buy till they die, and asks them what comes next: BG/NBD (Fader, Hardie,
// Lee 2005), MBG/NBD (Batislam, Denizel, Filiztekin 2007), Pareto/NBD (Schmittlein, Morrison, Colombo 1987), NBD, and
// Gamma-Gamma (Fader, Hardie 2013) for what a purchase is worth.
//
// Time is in weeks. A customer is a Summary: how many purchase days followed the first one, when the last of them was,
// and how long the customer has been watched; History makes one of dates. Purchases of one day are one purchase.
//
// Every fit is maximum likelihood by several starts in the logarithms of the parameters, on rows of equal customers, so
// the cost depends on how many different customers there are. A Fit comes with its diagnostics, and says when it is
// degenerate: on a boundary, not converged, or with nothing learned about leaving. Callers decide what to do with it.
//
// Everything here is a pure function: the same customers in any order give the same result to the last bit, because
// rows are sorted before they are summed. Nothing blocks, nothing is shared, nothing is kept.
package btyd
