"""The analytic beating heart, with closed-form truth."""
