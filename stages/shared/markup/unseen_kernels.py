"""Tables for kernels: classes and styles of elements that are hidden from those who look at a page, or are icons."""

from typing import Final

UNSEEN_CLASSES: Final = """
    sr-only visually-hidden visuallyhidden visually-hidden-focusable screen-reader-text screen-reader-only
    screen-reader screenreader-only screenreader sr-text sr-hidden element-invisible assistive-text a11y-hidden
    u-visually-hidden is-visually-hidden u-sr-only offscreen-text hidden-visually accessibly-hidden usa-sr-only
    govuk-visually-hidden show-for-sr slds-assistive-text cdk-visually-hidden elementor-screen-only
    ui-helper-hidden-accessible p-hidden-accessible euiscreenreaderonly muivisuallyhidden sr_only
    screenreader-text is-sr-only tw-sr-only bx--visually-hidden cds--visually-hidden u-hiddenvisually
    accessibility-hidden mw-jump-link mw-editsection mw-cite-backlink cite-accessibility-label material-icons
    material-icons-outlined material-icons-round material-icons-sharp material-icons-two-tone
    material-icons-extended material-symbols-outlined material-symbols-rounded material-symbols-sharp mat-icon
"""
"""Class words in lower case, between white space."""
UNSEEN_STYLES: Final = (
    "mso-hide:all",
    "clip:rect(0,0,0,0)",
    "clip:rect(0000)",
    "clip:rect(0px,0px,0px,0px)",
    "clip:rect(1px,1px,1px,1px)",
    "clip:rect(1px1px1px1px)",
    "clip-path:inset(50%)",
    "clip-path:inset(100%)",
)
"""Declarations without white space."""
