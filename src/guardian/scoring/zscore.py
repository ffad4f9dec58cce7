"""How far the amount is from what the merchant and the card usually see."""

import numpy as np
from numpy.typing import NDArray

from guardian.features.definition import INDEX

_MERCHANT, _CARD = INDEX["merchant_amount_z"], INDEX["card_amount_z"]


def zscores(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of the two z of the log amount (n, 26) -> (n,) the one farther from 0, with its sign.

    Histories forget exponentially and each step is held to 4 sd, so single outliers do not move
    them; below 20 events of a merchant or 5 of a card its z is 0.
    """
    merchant, card = features[:, _MERCHANT], features[:, _CARD]
    return np.where(np.abs(card) > np.abs(merchant), card, merchant)
